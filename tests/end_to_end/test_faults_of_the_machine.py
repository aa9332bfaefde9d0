"""Faults of the machine during real searches: a full disk, a signal, a cluster that is not there."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from orchestrator import cli
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import encode

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


def lasting(directory):
    return [encode(event)[:2] for event in read_log(directory / LOG_NAME)[0]]


@pytest.fixture
def nothing_left(environment, cache, monkeypatch):
    """Check that none of our temporary files and directories stays behind."""
    temporary = Path(tempfile.mkdtemp(prefix="m"))  # short: Ray's sockets lie in it
    monkeypatch.setenv("MASGA_CACHE", str(cache))
    monkeypatch.setitem(environment, "TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield
    left = [path.name for path in temporary.glob("masga-*")]
    shutil.rmtree(temporary)
    assert left == []


def mounted(size, place, *, again=False):
    options = f"size={size}" + (",remount" if again else "")
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, which a test makes larger."""
    place = tmp_path / "disk"
    place.mkdir()
    if not shutil.which("mount") or not mounted("900k", place):
        pytest.skip("only who may mount a file system can have a full one")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_under_the_workers_loses_nothing(
    undisturbed, run_file, masga, disk, nothing_left
):
    path = run_file(resources={"workers": 2})
    result = masga("search", path, "--output", disk)
    assert result.returncode == 2, result.stdout + result.stderr
    assert "the disk must have room for the log and the checkpoints" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert mounted("100m", disk, again=True)
    resumed = masga("resume", disk / "tiny")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert lasting(disk / "tiny") == lasting(undisturbed)


def test_sigterm_ends_everything_and_leaves_a_search_that_resumes(
    run_file, start, tmp_path, capsys, nothing_left
):
    path = run_file(budget={"tokens": 4_000_000})
    process = start("search", path, "--output", "terminated")
    directory = tmp_path / "terminated" / "tiny"
    while (
        not (directory / LOG_NAME).exists()
        or b'"reported"' not in (directory / LOG_NAME).read_bytes()
    ):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    assert cli.main(["resume", str(directory)]) == 2  # while the first one runs
    assert "one process writes a search" in capsys.readouterr().err
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGTERM
    assert errors == f"masga: stopped; go on with: masga resume {directory.relative_to(tmp_path)}\n"
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_that_does_not_answer(run_file, tmp_path, capsys, scheme):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    path = run_file(resources={"address": f"{scheme}127.0.0.1:{closed}"})
    assert cli.main(["search", str(path), "--output", str(tmp_path / "lonely")]) == 2
    error = capsys.readouterr().err
    assert "a Ray cluster answers at this address, but got Connection refused" in error
    assert error.count("\n") == 1
    assert not list((tmp_path / "lonely").iterdir())
