"""What our requirements bring along: licences that we may take, and no vulnerability kept quiet."""

import subprocess
import sys

import pytest

from tests.supply import audit
from tests.supply.licences import BY_HAND, SUFFERED, breaches, closure, is_permissive, licences_of


@pytest.fixture(scope="module")
def installed():
    return closure("masga")


def test_the_closure_is_that_of_our_requirements(installed):
    assert {"torch", "ray", "mlflow", "pandas", "directsearch"} <= installed.keys()
    assert not {"pytest", "mypy", "pip-audit"} & installed.keys()


def test_every_licence_is_known_and_one_that_we_may_take(installed):
    assert breaches(installed) == []


def test_what_is_known_by_hand_is_still_needed_and_says_nothing_itself(installed):
    assert BY_HAND.keys() | SUFFERED.keys() <= installed.keys()
    assert all(licences_of(package) == licence for package, (licence, _) in SUFFERED.items())


@pytest.mark.parametrize(
    ("expression", "permissive"),
    [
        ("MIT", True),
        ("BSD LICENSE OR APACHE SOFTWARE LICENSE", True),
        ("GPL-3.0-ONLY OR MIT", True),
        ("GPL-3.0-ONLY AND MIT", False),
        ("MIT AND (GPL-3.0-ONLY OR LGPL-2.1-ONLY)", False),
        ("LGPL-2.1-ONLY", False),
        ("AGPL-3.0-ONLY", False),
        ("PROPRIETARY", False),
        ("", False),
    ],
)
def test_expressions_are_read_as_spdx_has_them(expression, permissive):
    assert is_permissive(expression) == permissive


def test_a_package_of_another_licence_would_be_told(monkeypatch):
    monkeypatch.setattr(
        "tests.supply.licences.licences_of", {"a": "MIT", "b": "", "c": "AGPL-3.0"}.get
    )
    told = breaches(dict.fromkeys("abc", frozenset()))
    assert told == ["b: its metadata names no licence", "c: AGPL-3.0"]


def test_what_is_suffered_is_not_imported():
    script = (
        "import sys\n"
        "from orchestrator.proposers import PROPOSERS\n"
        "from search_spaces.gpt.space import GPT\n"
        "PROPOSERS['nevergrad'](GPT)\n"
        "sys.exit('directsearch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("answer", [None, {"dependencies": [{"name": "pyyaml", "vulns": []}]}])
def test_an_audit_that_could_not_ask_says_so(monkeypatch, capsys, answer):
    monkeypatch.setattr(audit.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(audit, "_asked", lambda service, options: answer)
    assert audit.main() == 0
    assert "not run: no vulnerability service answers" in capsys.readouterr().out


def test_an_audit_without_its_program_says_so(monkeypatch, capsys):
    monkeypatch.setattr(audit.importlib.util, "find_spec", lambda name: None)
    assert audit.main() == 0
    assert "not run: pip-audit is not installed" in capsys.readouterr().out


def test_a_vulnerability_that_is_found_fails(monkeypatch, capsys):
    bad = {"id": "CVE-1", "fix_versions": ["2.0"]}
    whole = {"dependencies": [{"name": "a", "version": "1.0", "vulns": [bad]},
                              {"name": "b", "skip_reason": "unknown"}]}  # fmt: skip
    monkeypatch.setattr(audit.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(audit, "_asked", lambda service, options: whole)
    assert audit.main() == 1
    told = capsys.readouterr().out
    assert "a 1.0: CVE-1, mended in 2.0" in told
    assert "does not know b" in told
