"""A search submitted to a real Ray cluster through its Jobs API: the same search as at home."""

import functools
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import SearchFinished, SearchStarted, encode

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(600),
    # Ray's client of the Jobs API: `ssl=None` for aiohttp
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def cluster(environment, tmp_path_factory):
    """A head node on loopback with two CPUs; gives (address of its dashboard, home directory)."""
    scratch = Path(tempfile.mkdtemp(prefix="mh-", dir="/tmp"))  # short: sockets live in it
    home = tmp_path_factory.mktemp("home")
    dashboard = free_port()
    bin_directory = Path(sys.executable).parent
    process = subprocess.Popen(
        [
            bin_directory / "ray", "start", "--head", "--block", "--num-cpus=2",
            "--node-ip-address=127.0.0.1", f"--port={free_port()}", "--dashboard-host=127.0.0.1",
            f"--dashboard-port={dashboard}",
            f"--dashboard-agent-listen-port={free_port()}", "--object-store-memory=100000000",
            f"--temp-dir={scratch}", "--disable-usage-stats",
        ],
        env={
            **environment,
            "HOME": str(home),
            "PATH": f"{bin_directory}:{os.environ['PATH']}",
            "MLFLOW_TRACKING_URI": f"sqlite:///{home / 'of-the-cluster.db'}",
        },
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        while not answers(dashboard):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.2)
        yield f"http://127.0.0.1:{dashboard}", home
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        _, alive = psutil.wait_procs(family, timeout=15)
        for child in alive:
            child.kill()
        process.communicate()
        shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture
def ask(masga, masga_here, cluster):
    """Run a command of `masga` against the cluster."""
    address, _ = cluster
    return functools.partial(_ask, masga, masga_here, address)


def _ask(masga, masga_here, address, command, *arguments):
    call = masga if command == "submit" else masga_here
    result = call(command, *arguments, "--address", address)
    assert "Traceback" not in result.stdout + result.stderr
    return result


def lasting(directory):
    """Return all events but the first, which tells of places; clocks aside."""
    events = read_log(directory / LOG_NAME)[0]
    assert isinstance(events[0], SearchStarted)
    return [encode(event)[:2] for event in events[1:]]


def test_a_submitted_search_is_the_same_search(ask, cluster, run_file, undisturbed):
    result = ask("submit", run_file(mlflow={"enabled": True}), "--follow")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (cluster[1] / "of-the-cluster.db").is_file()  # its environment counts, not ours
    assert "finished (budget)" in result.stdout
    assert "SUCCEEDED" in result.stdout
    job = re.search(r"submitted (\S+)", result.stdout)[1]
    assert job in ask("list").stdout
    assert "finished (budget)" in ask("logs", job).stdout
    assert lasting(cluster[1] / "masga-runs" / "tiny") == lasting(undisturbed)


def test_a_stopped_search_resumes(ask, cluster, run_file):
    path = run_file(budget={"tokens": 262_144})  # 32 generations: long enough to be stopped
    submitted = ask("submit", path, "--output", "~/stopped")
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    job = re.search(r"submitted (\S+)", submitted.stdout)[1]
    log = cluster[1] / "stopped" / "tiny" / LOG_NAME
    while not (log.exists() and b"generation_closed" in log.read_bytes()):
        time.sleep(0.1)  # bounded by the test's own timeout
    assert "RUNNING" in ask("status", job).stdout
    stopped = ask("stop", job)
    assert "STOPPED" in stopped.stdout
    before = lasting(log.parent)
    assert not isinstance(read_log(log)[0][-1], SearchFinished)
    resumed = ask("submit", path, "--output", "~/stopped", "--resume", "~/stopped/tiny", "--follow")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    after = lasting(log.parent)
    assert after[: len(before)] == before
    assert isinstance(read_log(log)[0][-1], SearchFinished)


def test_a_job_that_does_not_exist(ask):
    for command in ("status", "logs", "stop"):
        result = ask(command, "masga-none")
        assert result.returncode == 2
        assert "a job of the cluster" in result.stderr


def test_a_cluster_that_does_not_answer(masga_here, run_file):
    result = masga_here("submit", run_file(), "--address", f"http://127.0.0.1:{free_port()}")
    assert result.returncode == 2
    assert "the dashboard of a Ray cluster, which takes jobs, answers" in result.stderr
    assert "Traceback" not in result.stderr
