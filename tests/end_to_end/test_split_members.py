"""A search whose members are trained by two processes each, and what dies in the middle of it."""

import time

import psutil
import pytest

from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import Reported, SearchFinished, encode

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]

RESOURCES = {"workers": 1, "processes_per_member": 2, "cpus_per_worker": 0.5}
CHANGES = {
    "population": {"members": 2, "interval_tokens": 1024},
    "budget": {"tokens": 6144},
    "proposers": [{"proposer": "mutation"}],
    "fitness": {"nats_per_gflop": "front", "game": {"evaluations": 4, "sequences": 3}},
    "training": {"activation_checkpointing": True},
    "baseline": False,
    "resources": RESOURCES,
}


def lasting(directory):
    """Return what two runs of one search share: all but clocks and places."""
    return [encode(event)[:2] for event in read_log(directory / LOG_NAME)[0]]


def titled(process, title):
    """Wait for a process of a search whose title, which is Ray's, begins so."""
    while True:
        for child in psutil.Process(process.pid).children(recursive=True):
            try:
                if (child.cmdline() or [""])[0].startswith(title):
                    return child
            except psutil.Error:  # it has just ended
                continue
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def wait_for_report(process, directory, count):
    """Wait until that many intervals have been told (bounded by the test's own timeout)."""
    log = directory / LOG_NAME
    while not log.exists() or log.read_bytes().count(b'"event":"reported"') < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_a_search_of_split_members_is_the_same_whichever_process_dies(
    run_file, masga, start, tmp_path
):
    path = run_file(**CHANGES)
    result = masga("search", path, "--output", "whole", timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    whole = tmp_path / "whole" / "tiny"
    events = read_log(whole / LOG_NAME)[0]
    assert isinstance(events[-1], SearchFinished)
    reports = [e for e in events if isinstance(e, Reported)]
    assert len(reports) == 6
    assert all(r.failure is None and r.game is not None and r.utilities for r in reports)

    process = start("search", path, "--output", "killed")
    killed = tmp_path / "killed" / "tiny"
    wait_for_report(process, killed, 1)
    titled(process, "ray::Rank.obey").kill()  # rank 1, in the middle of what it does with rank 0
    wait_for_report(process, killed, 3)
    follower = titled(process, "ray::Rank")
    titled(process, "ray::ResourceTrainable").kill()  # rank 0
    psutil.wait_procs([follower], timeout=120)
    assert not follower.is_running()  # it goes with rank 0
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, output + errors
    assert lasting(killed) == lasting(whole)
