"""A search is the same search whatever dies, however many work, whoever interrupts it."""

import signal
import time

import psutil
import pytest

from orchestrator.event_log import LOG_NAME, EventLog, read_log
from orchestrator.events import GenerationClosed, Ordered, Reported, SearchFinished, encode
from orchestrator.journal import Journal
from orchestrator.resuming import open_tasks
from orchestrator.run_loading import load_run
from orchestrator.search import Search
from orchestrator.setting import prepare

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


def lasting(directory):
    """Return what two runs of one search share: all but clocks and places."""
    return [encode(event)[:2] for event in read_log(directory / LOG_NAME)[0]]


def closed(path):
    if not path.exists():
        return 0
    return path.read_bytes().count(b'"event":"generation_closed"')


def wait_for_generation(process, directory, generation):
    """Wait until the log tells of a closed generation (bounded by the test's own timeout)."""
    while closed(directory / LOG_NAME) <= generation:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def title_of(process):
    try:
        return (process.cmdline() or [""])[0]
    except psutil.Error:  # it has just ended
        return ""


def workers_of(process):
    """Wait for the processes that host members, whose titles are Ray's: `ray::`, actor, method."""
    hosts = ("ray::ResourceTrainable", "ray::Worker")
    while True:
        family = psutil.Process(process.pid).children(recursive=True)
        found = [child for child in family if title_of(child).startswith(hosts)]
        if found:
            return found
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_the_log_does_not_depend_on_the_number_of_workers(undisturbed, run_file, masga, tmp_path):
    path = run_file(resources={"workers": 2})
    result = masga("search", path, "--output", "two")
    assert result.returncode == 0, result.stdout + result.stderr
    events = read_log(undisturbed / LOG_NAME)[0]
    assert lasting(tmp_path / "two" / "tiny") == lasting(undisturbed)
    assert isinstance(events[-1], SearchFinished)
    assert any(e.decision == "replace" for e in events if isinstance(e, Ordered))
    morphs = [e.morph for e in events if isinstance(e, Reported) and e.morph]
    assert any(morph["moves"] for morph in morphs)
    assert all(morph["carried"] for morph in morphs)
    assert len([e for e in events if isinstance(e, GenerationClosed)]) == 4


def test_kill_9_of_a_worker_the_raylet_and_the_driver(
    undisturbed, run_file, masga, start, tmp_path
):
    process = start("search", run_file(resources={"workers": 2}), "--output", "killed")
    directory = tmp_path / "killed" / "tiny"
    wait_for_generation(process, directory, 0)
    workers_of(process)[0].kill()
    wait_for_generation(process, directory, 1)
    family = psutil.Process(process.pid).children(recursive=True)
    (raylet,) = (each for each in family if each.name() == "raylet")
    raylet.kill()  # Ray would let its driver wait for ever
    _, errors = process.communicate()
    assert process.returncode == 2, errors
    assert "masga: driver: the Ray node that it runs on lives" in errors
    assert f"masga resume {directory.relative_to(tmp_path)}\n" in errors
    assert "Traceback" not in errors
    assert psutil.wait_procs(family, timeout=60)[1] == []
    process = start("resume", directory)
    wait_for_generation(process, directory, 2)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    psutil.wait_procs(family, timeout=30)
    resumed = masga("resume", directory)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert lasting(directory) == lasting(undisturbed)


def test_ctrl_c_leaves_a_search_that_resumes(undisturbed, run_file, masga, start, tmp_path):
    process = start("search", run_file(), "--output", "interrupted")
    directory = tmp_path / "interrupted" / "tiny"
    wait_for_generation(process, directory, 0)
    process.send_signal(signal.SIGINT)  # once: it is never lost
    _, errors = process.communicate()
    assert process.returncode == 130
    assert f"masga resume {directory.relative_to(tmp_path)}" in errors
    assert "Traceback" not in errors
    resumed = masga("resume", directory)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert lasting(directory) == lasting(undisturbed)


SWALLOWING = """
import signal
from pathlib import Path

from orchestrator.proposers import Mutation


class Swallowing(Mutation):
    def propose(self, request, rng):
        if not Path("pressed").exists():
            Path("pressed").touch()
            try:
                signal.raise_signal(signal.SIGINT)
            except BaseException as error:
                Path("pressed").write_text(repr(error))
        return super().propose(request, rng)
"""


def test_ctrl_c_that_a_library_swallows_ends_the_search_all_the_same(run_file, start, tmp_path):
    (tmp_path / "swallowing_here.py").write_text(SWALLOWING)
    path = run_file(proposers=[{"proposer": "swallowing_here:Swallowing"}])
    process = start("search", path, "--output", "swallowed")
    _, errors = process.communicate()
    directory = tmp_path / "swallowed" / "tiny"
    assert (tmp_path / "pressed").read_text() == "KeyboardInterrupt()"
    assert process.returncode == 130, errors
    assert errors == f"masga: stopped; go on with: masga resume {directory.relative_to(tmp_path)}\n"
    assert not isinstance(read_log(directory / LOG_NAME)[0][-1], SearchFinished)


WITH_SNAPSHOTS = """
import sys
from functools import partial

from orchestrator.adapters import driver
from orchestrator.cli import main
from orchestrator.journal import Journal


class Telling(Journal):
    def pass_over(self, number):
        super().pass_over(number)
        print(f"passed over {number}")


driver.Journal = Telling
driver.Search = partial(driver.Search, decided_again=0)
driver.SnapshotFolder = partial(driver.SnapshotFolder, every=1)
sys.exit(main(sys.argv[1:]))
"""
"""`masga` that keeps its state all the time and decides nothing again, as in a very long search."""


def test_an_asynchronous_search_goes_on_from_a_snapshot(run_file, masga, start, tmp_path):
    command = ("-c", WITH_SNAPSHOTS)
    path = run_file(
        population={"mode": "asynchronous"},
        resources={"workers": 2},
        proposers=[{"proposer": "mutation"}],  # Optuna's memory is not in the log
    )
    process = start("search", path, "--output", "async", command=command)
    directory = tmp_path / "async" / "tiny"
    wait_for_generation(process, directory, 0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    logged = (directory / LOG_NAME).read_bytes().count(b"\n")
    kept = max(int(path.stem) for path in (directory / "snapshots").iterdir())
    resumed = masga("resume", directory, command=command)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert f"passed over {kept}\n" in resumed.stdout
    assert f"resumed after {logged} events" in resumed.stdout
    events = read_log(directory / LOG_NAME)[0]
    assert isinstance(events[-1], SearchFinished)
    reports = {(e.member, e.generation) for e in events if isinstance(e, Reported)}
    assert {(m, g) for m in range(4) for g in range(4)} <= reports
    with EventLog(directory / LOG_NAME) as log:
        journal = Journal(log, lambda *event: None)
        journal.record([events[0]])
        search = Search(prepare(load_run(directory / "run.yaml").config).rules, journal)
        assert open_tasks(search, journal) == ()
        assert search.finished
        assert journal.departures == 0
