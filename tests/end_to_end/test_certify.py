"""A real search certified: killed in the middle, gone on with, the same certificate."""

import json
import shutil
import time

import psutil
import pytest

from orchestrator import cli
from orchestrator.certification.record import CERTIFICATE
from orchestrator.event_log import LOG_NAME, EventLog, read_log
from orchestrator.events import CertificationFinished, CertificationStarted, Reported

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
OPTIONS = ("--seeds", "2", "--tokens", "50%")


@pytest.fixture
def search(undisturbed, tmp_path):
    """A finished search of our own; returns the path of a copy of it by name."""

    def make(name):
        shutil.copytree(undisturbed, tmp_path / name)
        return tmp_path / name

    return make


def wait_for(process, log, events):
    """Wait until the log has so many events (bounded by the test's own timeout)."""
    while not log.exists() or log.read_bytes().count(b"\n") < events:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_kill_9_in_the_middle_changes_nothing(search, masga, masga_here, start):
    whole, killed = search("whole"), search("killed")
    result = masga("certify", whole, *OPTIONS, "--workers", "1")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "trainings of 4.10k tokens" in result.stdout
    assert "It cannot be told with so few seeds" in result.stdout
    certificate = json.loads((whole / "certificate-1" / CERTIFICATE).read_text())
    names = [arm["name"] for arm in certificate["arms"]]
    assert names == ["winner", "schedule", "default", "first"]
    assert all(None not in arm["bits_per_byte"] for arm in certificate["arms"])
    assert list((whole / "certificate-1" / "checkpoints").iterdir()) == []

    process = start("certify", killed, *OPTIONS)
    log = killed / "certificate-1" / LOG_NAME
    wait_for(process, log, 1 + 8 + 5)  # the start, the first orders, some answers and what follows
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    psutil.wait_procs(family, timeout=30)
    before = [e for e in read_log(log)[0] if isinstance(e, Reported)]
    assert before
    resumed = masga("certify", killed, *OPTIONS, "--workers", "1")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "resumed after" in resumed.stdout
    events = read_log(log)[0]
    assert isinstance(events[-1], CertificationFinished)
    assert [e for e in events if isinstance(e, Reported)][: len(before)] == before
    again = json.loads((killed / "certificate-1" / CERTIFICATE).read_text())
    assert again == certificate
    written = log.read_bytes()
    shown = masga_here("certify", killed, *OPTIONS)
    assert shown.returncode == 0
    assert certificate["verdict"][:60] in shown.stdout
    assert log.read_bytes() == written


def test_mistakes(search, tmp_path, environment, monkeypatch, capsys):
    monkeypatch.setenv("MASGA_CACHE", environment["MASGA_CACHE"])
    found = search("search")
    for arguments, said in (
        ((found, "--seeds", "1"), "a certificate has 2 to 40 seeds, but got 1"),
        ((found, "--workers", "0"), "at least one worker trains, but got 0"),
        ((found, "--tokens", "9M"), "a share of the winner's 8192 tokens"),
        ((tmp_path, "--seeds", "3"), "event log"),
    ):
        assert cli.main(["certify", *map(str, arguments)]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert "Traceback" not in error
    assert not list(found.glob("certificate-*"))


def test_a_certification_is_no_search(search, capsys):
    found = search("search")
    plan = {"arms": []}
    started = CertificationStarted(search={}, plan=plan, notes=(), environment={})
    (found / "certificate-1").mkdir()
    with EventLog(found / "certificate-1" / LOG_NAME) as log:
        log.append([started])
    assert cli.main(["export", str(found / "certificate-1"), "--format", "yaml"]) == 2
    assert f"Give the search, {found}; 'masga certify' goes on" in capsys.readouterr().err
