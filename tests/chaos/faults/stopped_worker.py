"""SIGSTOP of a worker: it neither works nor dies, so its task is given to another one."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World


class StoppedWorker:
    """Stops one of the processes that host members, and lets it go on later, if it still lives."""

    driver = "lives"

    def obstacle(self, world: World) -> str | None:
        """None: there always is a worker."""

    def inject(self, world: World, draw: random.Random) -> str:
        """Stop one for as long as the world says."""
        victim = draw.choice(world.machines.workers())
        victim.suspend()
        before = world.subject.closed()
        time.sleep(world.stop_seconds)
        meanwhile = world.subject.closed() - before
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.resume()
        return (
            f"worker {victim.pid}, for {world.stop_seconds:.0f} s ({meanwhile} generations closed)"
        )
