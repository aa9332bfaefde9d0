"""A search on a cluster of several nodes that join, stop, drain and vanish: the same search."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from ray.cluster_utils import Cluster

from orchestrator.adapters.bare_cluster import bare
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import Reported, encode

pytestmark = [pytest.mark.ray, pytest.mark.timeout(1200)]


QUICK_HEALTH_CHECK = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 5,
}


class Nodes:
    """A head without CPUs, and nodes of one CPU each; real raylets, on loopback."""

    def __init__(self):
        self._cluster = Cluster()

    def begin(self, scratch):
        self.head = self._start(
            num_cpus=0,
            temp_dir=str(scratch),
            include_dashboard=False,
            _system_config=QUICK_HEALTH_CHECK,
        )

    @property
    def address(self):
        return self._cluster.address

    def add(self):
        return self._start(num_cpus=1)

    def _start(self, **options):
        handler = signal.getsignal(signal.SIGTERM)
        try:
            return self._tried(options)
        finally:
            signal.signal(signal.SIGTERM, handler)  # Ray leaves its own

    def _tried(self, options):
        for _ in range(4):  # Ray gives a raylet half a minute, a busy machine does not
            with contextlib.suppress(Exception), bare():
                return self._cluster.add_node(
                    node_ip_address="127.0.0.1", object_store_memory=80_000_000, **options
                )
        return pytest.fail("a node of the cluster does not start")

    def remove(self, node):
        self._cluster.remove_node(node)

    def end(self):
        self._cluster.shutdown()


@pytest.fixture(scope="module")
def nodes(environment):
    """A cluster that asks for no token, as those of other users' making; ends it."""
    scratch = Path(tempfile.mkdtemp(prefix="mc-", dir="/tmp"))  # short: sockets live in it
    made = Nodes()
    with pytest.MonkeyPatch.context() as patch:
        for variables in (environment, os.environ):  # Ray leaves its mode there after a search
            patch.setitem(variables, "RAY_AUTH_MODE", "disabled")
        # others' notion of "the" cluster is left alone
        patch.setattr("ray._private.utils.write_ray_address", lambda *_, **__: None)
        try:
            made.begin(scratch)
            yield made
        finally:
            made.end()
            shutil.rmtree(scratch, ignore_errors=True)


def raylet_of(node):
    return psutil.Process(node.all_processes["raylet"][0].process.pid)


def workers_on(node):
    found = []
    for child in raylet_of(node).children():
        try:
            if (child.cmdline() or [""])[0].startswith(("ray::ResourceTrainable", "ray::Worker")):
                found.append(child)
        except psutil.Error:
            continue
    return found


def the_mailbox(nodes):
    """Wait for the process of the mailbox, which is beside the driver."""
    while True:
        for child in raylet_of(nodes.head).children():
            if (child.cmdline() or [""])[0].startswith("ray::Mailbox"):
                return child
        time.sleep(0.1)


def lasting(directory):
    """Return all events but the first, which tells of places; clocks aside."""
    return [encode(event)[:2] for event in read_log(directory / LOG_NAME)[0][1:]]


def closed(directory):
    path = directory / LOG_NAME
    return path.read_bytes().count(b'"event":"generation_closed"') if path.exists() else 0


def go_on(process, directory, generations=1):
    """Wait until so many generations more are closed (bounded by the test's own timeout)."""
    until = closed(directory) + generations
    while closed(directory) < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)


def until(process, condition):
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)


def test_workers_that_never_find_room_do_not_keep_a_search_from_ending(
    nodes, undisturbed, run_file, masga, tmp_path
):
    node = nodes.add()
    path = run_file(resources={"workers": "auto", "address": nodes.address})
    result = masga("search", path, "--output", "crowded")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "masga:" not in result.stderr
    assert lasting(tmp_path / "crowded" / "tiny") == lasting(undisturbed)
    nodes.remove(node)


def test_a_search_moves_with_its_cluster(nodes, run_file, start, tmp_path):
    endless = {"tokens": 8_000_000}
    resources = {"workers": "auto", "address": nodes.address, "stall_seconds": 5}
    process = start("search", run_file(budget=endless, resources=resources), "--output", "moving")
    directory = tmp_path / "moving" / "tiny"
    first = nodes.add()  # there was no room at all
    go_on(process, directory)

    the_mailbox(nodes).kill()
    go_on(process, directory, 2)

    second = nodes.add()
    until(process, lambda: workers_on(second))
    (stopped,) = workers_on(first)
    stopped.send_signal(signal.SIGSTOP)
    go_on(process, directory, 2)  # what it had in hand was done by the other
    stopped.send_signal(signal.SIGCONT)
    go_on(process, directory, 2)
    assert stopped.is_running()

    drained = subprocess.run(
        [
            sys.executable, "-c", "from ray.scripts.scripts import main; main()", "drain-node",
            f"--address={nodes.address}",
            f"--node-id={first.node_id}", "--reason=DRAIN_NODE_REASON_PREEMPTION",
            "--reason-message=test", "--deadline-remaining-seconds=600",
        ],
        # without the second, Ray takes 127.0.0.1 for the machine's address that others reach
        env={**os.environ, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert drained.returncode == 0, drained.stdout + drained.stderr
    until(process, lambda: not stopped.is_running())
    go_on(process, directory)

    third = nodes.add()
    until(process, lambda: workers_on(third))
    vanished = [raylet_of(second), *raylet_of(second).children(recursive=True)]
    for part in vanished:
        if part.is_running():
            part.kill()
    go_on(process, directory, 2)

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Nothing was heard of worker" in errors
    assert "is about to be taken away" in errors
    assert "The mailbox was lost" in errors
    moved = lasting(directory)
    reports = [e for e in read_log(directory / LOG_NAME)[0] if isinstance(e, Reported)]
    assert all(report.failure is None for report in reports)
    assert len({(e.member, e.generation) for e in reports}) == len(reports)

    done = closed(directory)
    calm = start("search", run_file(budget=endless, resources=resources), "--output", "calm")
    beside = tmp_path / "calm" / "tiny"
    while closed(beside) < done:
        assert calm.poll() is None, calm.communicate()
        time.sleep(0.1)
    calm.send_signal(signal.SIGINT)
    calm.communicate(timeout=300)
    shared = min(len(moved), len(lasting(beside)))
    assert lasting(beside)[:shared] == moved[:shared]
    assert done >= 10
