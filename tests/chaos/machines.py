"""A Ray cluster on this machine whose nodes can be killed: each raylet is a process of its own.

The head's tables lie in RocksDB (`RAY_gcs_storage`), so that a head that was killed comes back
with what it knew, at the same address.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path

WORKER_TITLES = ("ray::ResourceTrainable", "ray::Worker")
MAILBOX_TITLE = "ray::Mailbox"
_OBJECT_STORE = 80_000_000


class Machines:
    """A head without CPUs and a few nodes with one CPU each.

    Args:
        scratch: Where Ray keeps its sessions; a short path, for sockets lie in it.
        nodes: How many beside the head.
    """

    def __init__(self, scratch: Path, *, nodes: int) -> None:
        directory = scratch / "ray"
        directory.mkdir()
        os.environ.update(
            RAY_TMPDIR=str(scratch),
            RAY_USAGE_STATS_ENABLED="0",
            RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
            RAY_gcs_storage="rocksdb",
            RAY_gcs_storage_path=str(scratch / "gcs"),
            RAY_raylet_start_wait_time_s="180",
            RAY_gcs_rpc_server_reconnect_timeout_s="300",  # nodes end without a head for so long
            RAY_worker_niceness="0",  # else whatever else runs here comes first
            RAY_health_check_initial_delay_ms="1000",
            RAY_health_check_period_ms="1000",
        )
        from ray.cluster_utils import Cluster  # the environment decides what it starts

        self._head_arguments = {
            "num_cpus": 0,
            "include_dashboard": False,
            "temp_dir": str(directory),
            "gcs_server_port": free_port(),
            "object_store_memory": _OBJECT_STORE,
        }
        self._cluster = Cluster()
        self._add(**self._head_arguments)
        self._nodes = [self._join() for _ in range(nodes)]

    @property
    def address(self) -> str:
        """What `resources.address` takes."""
        return self._cluster.address

    @property
    def nodes(self) -> int:
        """How many nodes beside the head."""
        return len(self._nodes)

    def _join(self):
        return self._add(num_cpus=1, object_store_memory=_OBJECT_STORE)

    def _add(self, **arguments):
        """Add a node, and keep the handler of SIGTERM: Ray's would wait half a minute."""
        ours = signal.getsignal(signal.SIGTERM)
        try:
            return self._cluster.add_node(**arguments)
        finally:
            signal.signal(signal.SIGTERM, ours)

    def kill_node(self, index: int) -> None:
        """End a node as a power cut does: the raylet and everything it started, at once."""
        node = self._nodes[index]
        _kill_at_once(_raylet(node))
        self._cluster.remove_node(node, allow_graceful=False)  # waits for the dead

    def join_again(self, index: int) -> None:
        """Let a new node take the place of a dead one."""
        self._nodes[index] = self._join()

    def kill_gcs(self) -> None:
        """End the cluster's memory, the GCS, by SIGKILL."""
        self._cluster.head_node.kill_gcs_server()

    def restart_gcs(self) -> None:
        """Start it again on the same storage, at the same port."""
        self._cluster.head_node.start_gcs_server()
        self._cluster.wait_for_nodes()

    def kill_head(self) -> None:
        """End the head node as a power cut does: GCS, raylet and everything they started."""
        node = self._cluster.head_node
        _kill_at_once(_raylet(node))
        self._cluster.remove_node(node, allow_graceful=False)

    def restart_head(self) -> None:
        """Start it again on the same storage, at the same port."""
        self._add(**self._head_arguments)
        self._cluster.wait_for_nodes(timeout=120)

    def workers(self, *, patience: float = 120.0) -> list[psutil.Process]:
        """Return the processes that host members, waiting until there are some."""
        return self._titled(WORKER_TITLES, patience)

    def mailbox(self, *, patience: float = 120.0) -> psutil.Process:
        """Return the process of the mailbox, waiting until there is one."""
        return self._titled((MAILBOX_TITLE,), patience)[0]

    def _titled(self, titles: tuple[str, ...], patience: float) -> list[psutil.Process]:
        end = time.monotonic() + patience
        while time.monotonic() < end:
            found = [
                child
                for node in (self._cluster.head_node, *self._nodes)
                for child in _children(_raylet(node))
                if _title(child).startswith(titles)
            ]
            if found:
                return sorted(found, key=lambda process: process.pid)
            time.sleep(0.1)
        raise TimeoutError(f"no process is titled {' or '.join(titles)} after {patience:g} s")

    def close(self) -> None:
        """End all processes that were started."""
        raylets = [_raylet(node) for node in (self._cluster.head_node, *self._nodes) if node]
        family = [child for raylet in raylets for child in _children(raylet)]
        self._cluster.shutdown()
        for child in family:
            if child.is_running():
                child.kill()
        psutil.wait_procs(family, timeout=10)


def free_port() -> int:
    """Ask the system for a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _raylet(node) -> psutil.Process | None:
    from ray._private.ray_constants import PROCESS_TYPE_RAYLET

    try:
        return psutil.Process(node.all_processes[PROCESS_TYPE_RAYLET][0].process.pid)
    except (KeyError, psutil.NoSuchProcess):
        return None


def _children(process: psutil.Process | None) -> list[psutil.Process]:
    try:
        return [] if process is None else process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill_at_once(process: psutil.Process | None) -> None:
    for each in (process, *_children(process)):
        if each is not None and each.is_running():
            each.kill()


def _title(process: psutil.Process) -> str:
    try:
        return (process.cmdline() or [""])[0]
    except psutil.Error:  # it has just ended
        return ""
