"""What a file that is not the user's own reaches for is named and refused, and nothing of it runs."""

import os
import shutil
import sys
from types import SimpleNamespace

import pytest
import yaml

from orchestrator import cli, trust
from orchestrator.adapters import driver
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import SearchStarted
from orchestrator.run_config import OWN_CODE, RunConfig
from orchestrator.run_loading import load_run, read_run
from orchestrator.trust import stranger

ROOT, ME, OTHER = 0, 1001, 1002
SPY = """
from pathlib import Path
from search_spaces.gpt.space import GPT as SPACE
from orchestrator.selection import Truncation
Path(__file__).with_suffix(".ran").touch()


class Mine(Truncation):
    pass
"""


class Launched(BaseException):
    """All that is checked before a search starts was found to be fine."""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A directory with code that leaves a mark when it runs, and a text."""
    place = tmp_path / "home"
    place.mkdir()
    for name in ("spy_space", "spy_module"):
        (place / f"{name}.py").write_text(SPY)
    (place / "text.txt").write_text("A few words, and then some more of them.\n\n" * 4000)
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("MASGA_CACHE", str(tmp_path / "cache"))
    yield place
    sys.modules.pop("spy_module", None)


def ran(home):
    return sorted(path.stem for path in home.glob("*.ran"))


@pytest.fixture
def write(home):
    def write(name="run.yaml", **values):
        whole = {
            "budget": {"tokens": 65_536},
            "population": {"members": 2, "interval_tokens": 2048},
            "corpus": {"sources": [{"path": "text.txt"}], "context_length": 32},
            "training": {"evaluation_sequences": 2, "evaluation_batches": 2, "heldout_batches": 2},
            "mlflow": {"enabled": False},
            **values,
        }
        path = home / name
        path.write_text(yaml.safe_dump(whole))
        path.chmod(0o644)
        return path

    return write


@pytest.fixture
def strange(monkeypatch):
    """Make one file the one that somebody else has sent."""

    def make(*names):
        real = trust.stranger
        monkeypatch.setattr(
            trust,
            "stranger",
            lambda file: "it belongs to mallory" if str(file).endswith(names) else real(file),
        )

    return make


CODE = {
    "space": {"name": "spy_space.py:SPACE"},
    "selection": {"policy": "spy_module:Mine"},
}


def refused(call, *parts):
    with pytest.raises(UserError) as caught:
        call()
    told = str(caught.value)
    assert "it belongs to mallory" in told
    assert "--trust" in told
    assert all(part in told for part in parts), told


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"space": CODE["space"]}, ("space.name runs the code of", "spy_space.py")),
        ({"selection": CODE["selection"]}, ("selection.policy runs the code of spy_module",)),
        ({"fitness": {"horizon": "spy_module:Mine"}}, ("fitness.horizon runs the code",)),
        ({"proposers": [{"proposer": "spy_module:Mine"}]}, ("proposers[0].proposer runs",)),
        (CODE, ("space.name", "selection.policy")),
        ({"corpus": {"sources": [{"path": "/etc/passwd"}]}}, ("corpus.sources[0].path reads /etc/passwd",)),
        ({"corpus": {"sources": [{"path": "../*"}]}}, ("corpus.sources[0].path reads",)),
        ({"corpus": {"sources": [{"path": "*/../../../etc/*"}]}}, ("corpus.sources[0].path reads",)),
        ({"corpus": {"sources": [{"path": "link.txt"}]}}, ("reads", "link.txt")),
        ({"corpus": {"sources": [{"path": "l*.txt"}]}}, ("reads", "link.txt")),
        ({"output": "../elsewhere"}, ("output writes into",)),
        ({"resources": {"address": "10.0.0.5:6379"}}, ("resources.address joins", "10.0.0.5:6379")),
        (
            {"mlflow": {"tracking_uri": "https://evil.example"}},
            ("mlflow.tracking_uri sends its record to https://evil.example",),
        ),
    ],
)  # fmt: skip
def test_what_a_strangers_run_file_reaches_for_is_named_and_not_done(
    write, home, tmp_path, strange, values, parts
):
    (tmp_path / "secret.txt").write_text("secret")
    (home / "link.txt").symlink_to(tmp_path / "secret.txt")
    path = write(**values)
    strange("run.yaml")
    refused(lambda: load_run(path), *parts)
    assert ran(home) == []
    with pytest.raises(UserError) as caught:
        load_run(path)
    assert "secret@" not in str(caught.value)


def test_a_strangers_run_file_that_stays_at_home_needs_no_trust(write, strange):
    path = write(output="runs")
    strange("run.yaml")
    assert load_run(path).config.output.endswith("/home/runs")


def test_what_the_user_says_beside_the_file_is_the_users_own(write, strange, home, tmp_path):
    path = write(output="/somewhere")
    strange("run.yaml")
    refused(lambda: load_run(path), "output")
    assert load_run(path, output=tmp_path / "mine").config.output == str(tmp_path / "mine")
    config = load_run(
        path, overrides=["selection.policy=spy_module:Mine"], output=tmp_path / "mine"
    ).config
    assert config.selection.policy == "spy_module:Mine"
    assert ran(home) == ["spy_module"]


def test_ones_own_run_file_is_used_as_it_is(write, home):
    assert load_run(write(**CODE)).config.selection.policy == "spy_module:Mine"
    assert ran(home) == ["spy_module"]


def test_trust_is_enough(write, home, strange):
    path = write(**CODE)
    strange("run.yaml")
    load_run(path, trust=True)
    assert ran(home) == ["spy_module"]


def test_reading_a_run_runs_nothing(write, home):
    config = read_run(write(**CODE)).config
    values = {**config.deciding(), **config.beside()}
    assert RunConfig.from_json(values).selection.policy == "spy_module:Mine"
    assert ran(home) == []
    RunConfig.model_validate(values, context=OWN_CODE)
    assert ran(home) == ["spy_module"]


@pytest.fixture
def search(write, home, tmp_path):
    """The directory of a search that has only begun, and names code and a text elsewhere."""
    config = read_run(write(**CODE)).config
    directory = tmp_path / "search"
    directory.mkdir()
    started = SearchStarted(
        run=config.deciding(),
        space={},
        corpus={"digest": "0" * 16, "sources": [], "notes": []},
        horizon_tokens=32_768,
        generations=16,
        environment={"run": config.beside()},
    )
    with EventLog(directory / LOG_NAME) as log:
        log.append([started])
    return directory


def test_a_strangers_search_is_not_resumed(search, home, strange, capsys, monkeypatch):
    monkeypatch.setattr(driver, "ray_cluster", launched)
    strange(LOG_NAME)
    assert cli.main(["resume", str(search)]) == 2
    told = capsys.readouterr().err
    assert "space.name runs the code of" in told
    assert "corpus.sources[0].path reads" in told
    assert ran(home) == []
    with pytest.raises(UserError, match="belongs to mallory"):
        driver.resume_search(search)
    assert ran(home) == []


def test_a_search_of_ones_own_or_trusted_is_resumed(search, home, strange, capsys, monkeypatch):
    monkeypatch.setattr(driver, "_go_on", launched)
    with pytest.raises(Launched):
        cli.main(["resume", str(search)])
    strange(LOG_NAME)
    with pytest.raises(Launched):
        cli.main(["resume", str(search), "--trust"])
    assert ran(home) == ["spy_module"]


def launched(*arguments, **options):
    raise Launched


@pytest.mark.parametrize(
    "command",
    [["report"], ["compare", "--json"], ["export", "--format", "yaml"], ["analyze"], ["certify"]],
    ids=lambda command: command[0],
)
def test_commands_that_read_run_no_code_of_a_strangers_search(
    search, home, strange, capsys, command
):
    strange(LOG_NAME)
    name, *options = command
    assert cli.main([name, str(search), *options]) in {0, 2}
    assert "Traceback" not in capsys.readouterr().err
    assert ran(home) == []


def test_a_file_in_a_store_has_no_owner():
    assert "store" in stranger("s3://bucket/run.yaml")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("")
    path.chmod(0o644)
    return path


@pytest.fixture
def open_place(monkeypatch):
    """As if no directory above kept anybody out."""
    monkeypatch.setattr(trust, "_is_closed", lambda path, user: False)


def test_a_file_that_one_has_just_written_is_ones_own(file):
    assert stranger(file) is None


def test_everybody_may_not_write_it(file, open_place):
    file.chmod(0o666)
    assert stranger(file) == "everybody can write it"


def test_where_nobody_else_comes_in_nobody_else_can_write(file):
    file.chmod(0o666)
    file.parent.chmod(0o700)
    assert stranger(file) is None


@pytest.mark.parametrize(
    ("members", "name", "gid", "private"),
    [
        ([], "me", ME, True),
        (["me"], "me", ME, True),
        (["me", "mallory"], "me", ME, False),
        ([], "staff", ME, False),
        ([], "me", OTHER, False),
    ],
)
def test_a_group_may_write_it_only_if_it_is_the_users_alone(
    file, open_place, monkeypatch, members, name, gid, private
):
    file.chmod(0o664)
    account = SimpleNamespace(pw_name="me", pw_gid=ME)
    group = SimpleNamespace(gr_name=name, gr_gid=gid, gr_mem=members)
    monkeypatch.setattr(trust.pwd, "getpwuid", lambda uid: account)
    monkeypatch.setattr(trust.grp, "getgrgid", lambda gid: group)
    expected = None if private else f"the group {name} can write it"
    assert stranger(file) == expected


@pytest.mark.parametrize(("owner", "own"), [(ROOT, True), (ME, True), (OTHER, False)])
def test_it_belongs_to_the_user_or_to_root(file, monkeypatch, owner, own):
    real = os.stat_result
    status = file.stat()
    changed = real((*status[:4], owner, *status[5:]))
    monkeypatch.setattr(trust.os, "geteuid", lambda: ME)
    monkeypatch.setattr(type(file), "stat", lambda self, **options: changed)
    monkeypatch.setattr(trust, "_is_closed", lambda path, user: False)
    assert (stranger(file) is None) == own


@pytest.mark.parametrize("mark", ["user.xdg.origin.url", "user.xdg.referrer.url"])
def test_a_download_that_says_so_is_not_ones_own(file, monkeypatch, mark):
    marks = {mark: b"https://example.org/run.yaml"}
    monkeypatch.setattr(trust.os, "listxattr", lambda path: list(marks), raising=False)
    monkeypatch.setattr(trust.os, "getxattr", lambda path, name: marks[name], raising=False)
    assert stranger(file) == "it was downloaded (https://example.org/run.yaml)"


def test_the_mark_of_a_download_is_read_from_the_file_itself(file):
    try:
        os.setxattr(file, "user.xdg.origin.url", b"https://example.org/run.yaml")
    except (AttributeError, OSError) as error:
        pytest.skip(f"no extended attributes here: {error}")
    assert "example.org" in stranger(file)
    copy = file.with_name("copy.yaml")
    shutil.copyfile(file, copy)  # to copy its text is to make it one's own
    assert stranger(copy) is None
