"""A search in an object store is the same search: killed, cut off, gone on with elsewhere."""

import functools
import os
import shutil
import time

import psutil
import pytest

from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import encode
from orchestrator.storage.restoring import restore
from orchestrator.storage.segments import segments_of
from orchestrator.storage.store import Store

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]


def lasting(directory):
    """Return what two runs of one search share: all but clocks and places."""
    return [encode(event)[:2] for event in read_log(directory / LOG_NAME)[0]]


@pytest.fixture
def home(environment, s3_port, tmp_path):
    """The environment of a machine with credentials and a cache of its own."""
    names = [name for name in os.environ if name.startswith("AWS_")]
    return {
        **environment,
        **{name: os.environ[name] for name in names},
        "MASGA_CACHE": str(tmp_path / "cache"),
    }


@pytest.fixture
def masga_there(masga, home):
    return functools.partial(masga, environment=home)


@pytest.fixture
def masga_here(masga_here, home):
    return functools.partial(masga_here, environment=home)


@pytest.fixture
def start_there(start, home):
    return functools.partial(start, environment=home)


def stored(uri, directory):
    """Return what two runs share of the log in a store."""
    directory.mkdir(exist_ok=True)
    restore(Store.open(uri, where="test") / "events", directory / LOG_NAME)
    return lasting(directory)


def wait_for_events(process, uri, count):
    """Wait until the store has so many (bounded by the test's own timeout)."""
    folder = Store.open(uri, where="test") / "events"
    while max((s.stop for s in segments_of(folder.entries())), default=0) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)


def end(process, kill):
    family = psutil.Process(process.pid).children(recursive=True)
    kill()
    process.wait()
    psutil.wait_procs(family, timeout=60)


def test_kill_9_and_going_on_from_another_machine(
    undisturbed, run_file, start_there, masga_there, masga_here, s3_uri, tmp_path
):
    process = start_there("search", run_file(), "--output", s3_uri("runs"))
    uri = s3_uri("runs/tiny")
    wait_for_events(process, uri, 20)
    end(process, process.kill)
    before = stored(uri, tmp_path / "before")
    shutil.rmtree(tmp_path / "cache")  # another machine: no working copy, no prepared text
    resumed = masga_there("resume", uri, "--trust", timeout=600)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    after = stored(uri, tmp_path / "after")
    assert after == lasting(undisturbed)
    assert after[: len(before)] == before
    report = masga_here("report", uri)
    assert report.returncode == 0, report.stdout + report.stderr
    objects = {entry.name for entry in Store.open(uri, where="test").entries()}
    assert objects == {"report.html", "run.yaml"}
    exported = masga_here("export", uri, "--format", "hf", "--output", s3_uri("out/model"))
    assert exported.returncode == 0, exported.stdout + exported.stderr
    model = {entry.name for entry in Store.open(s3_uri("out/model"), where="test").entries()}
    assert {"config.json", "model.safetensors"} <= model
    again = masga_here("export", uri, "--format", "hf", "--output", s3_uri("out/model"))
    assert again.returncode == 2
    assert "does not overwrite" in again.stderr
    compared = masga_here("compare", s3_uri("runs"), undisturbed)
    assert compared.returncode == 0, compared.stdout + compared.stderr


def test_a_store_that_answers_503_for_a_while(
    undisturbed, run_file, start_there, weather, tmp_path
):
    server, uri = weather
    process = start_there("search", run_file(), "--output", uri("runs"))
    wait_for_events(process, uri("runs/tiny"), 6)
    server.is_bad = True
    time.sleep(20)
    server.is_bad = False
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert server.refused > 0
    assert stored(uri("runs/tiny"), tmp_path / "after") == lasting(undisturbed)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("s3://no-such-bucket/runs", "NO_SUCH_BUCKET"),
        ("s3://me:secret@bucket/runs", "a password before the host"),
        ("nonsense://bucket/runs", "Unrecognized filesystem type"),
    ],
)
def test_what_cannot_heal_is_told_before_anything_trains(run_file, masga_here, s3_uri, name, told):
    query = s3_uri("").partition("?")[2]
    result = masga_here("search", run_file(), "--output", f"{name}?{query}")
    assert result.returncode == 2, result.stdout + result.stderr
    assert told in result.stderr
    assert "secret@" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
