"""A search is the same search whatever dies, however many work, whoever interrupts it."""

import contextlib
import signal
import subprocess
import time

import psutil
import pytest

from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import GenerationClosed, Ordered, Reported, SearchFinished, encode

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


def press_ctrl_c(process):
    """Press it, and again after some seconds, as people do; return what was told."""
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=20)[1]
    return process.communicate()[1]


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


def test_kill_9_of_a_worker_and_of_the_driver(undisturbed, run_file, masga, start, tmp_path):
    process = start("search", run_file(resources={"workers": 2}), "--output", "killed")
    directory = tmp_path / "killed" / "tiny"
    wait_for_generation(process, directory, 0)
    workers_of(process)[0].kill()
    wait_for_generation(process, directory, 1)
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
    errors = press_ctrl_c(process)
    assert process.returncode == 130
    assert f"masga resume {directory.relative_to(tmp_path)}" in errors
    assert "Traceback" not in errors
    resumed = masga("resume", directory)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert lasting(directory) == lasting(undisturbed)


def test_an_asynchronous_search_finishes(run_file, masga, tmp_path):
    path = run_file(population={"mode": "asynchronous"}, resources={"workers": 2})
    result = masga("search", path, "--output", "async")
    assert result.returncode == 0, result.stdout + result.stderr
    events = read_log(tmp_path / "async" / "tiny" / LOG_NAME)[0]
    assert isinstance(events[-1], SearchFinished)
    reports = {(e.member, e.generation) for e in events if isinstance(e, Reported)}
    assert {(m, g) for m in range(4) for g in range(4)} <= reports
