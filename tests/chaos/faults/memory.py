"""Memory runs out in a worker: the kernel kills it, or an allocation is refused."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World

_ONE = Path("/sys/fs/cgroup/memory")
"""Of the first version of control groups."""
_PATIENCE_SECONDS = 60.0
_MARGIN_BYTES = 1_000_000


class KilledForMemory:
    """Puts a worker into a control group that has no memory left: the kernel's OOM killer ends it."""

    driver = "lives"

    def obstacle(self, world: World) -> str | None:
        """A control group of memory must be there to be made."""
        if os.geteuid() != 0 or not os.access(_ONE / "tasks", os.W_OK):
            return "no control group of memory (version 1) may be made here"
        return None

    def inject(self, world: World, draw: random.Random) -> str:
        """Take its memory, wait for its death."""
        victim = draw.choice(world.machines.workers())
        group = _ONE / f"masga-chaos-{os.getpid()}-{victim.pid}"
        group.mkdir()
        try:
            (group / "memory.limit_in_bytes").write_text(str(_MARGIN_BYTES))
            (group / "memory.swappiness").write_text("0")
            (group / "cgroup.procs").write_text(str(victim.pid))
            psutil.wait_procs([victim], timeout=_PATIENCE_SECONDS)
            control = (group / "memory.oom_control").read_text().split()
            kills = control[control.index("oom_kill") + 1]
        finally:
            _remove(group, victim)
        return f"worker {victim.pid}, by the kernel ({kills} killed)"


class RefusedMemory:
    """Lets a worker that begins have no more addresses: what it loads and allocates is refused."""

    driver = "lives"

    def obstacle(self, world: World) -> str | None:
        """None: every user may limit its own processes."""

    def inject(self, world: World, draw: random.Random) -> str:
        """End a worker, limit the one that begins in its place, and see whether it dies of that."""
        before = world.machines.workers()
        draw.choice(before).kill()
        victim = _newcomer(world, {worker.pid for worker in before})
        _, hard = resource.prlimit(victim.pid, resource.RLIMIT_AS)
        resource.prlimit(victim.pid, resource.RLIMIT_AS, (1, hard))
        dead, _ = psutil.wait_procs([victim], timeout=_PATIENCE_SECONDS)
        return f"worker {victim.pid}, which {'died of it' if dead else 'had enough as yet'}"


def _newcomer(world: World, known: set[int]) -> psutil.Process:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        for worker in world.machines.workers():
            if worker.pid not in known:
                return worker
        time.sleep(0.01)
    raise TimeoutError(f"no worker began in {_PATIENCE_SECONDS:g} s")


def _remove(group: Path, victim: psutil.Process) -> None:
    """Remove a control group; what still lives in it goes back to the root."""
    if victim.is_running():
        (_ONE / "cgroup.procs").write_text(str(victim.pid))
    end = time.monotonic() + 5.0
    while True:
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
