"""SIGKILL of a worker: Tune starts another, the mailbox gives its tasks back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World


class KilledWorker:
    """Ends one of the processes that host members."""

    driver = "lives"

    def obstacle(self, world: World) -> str | None:
        """None: there always is a worker."""

    def inject(self, world: World, draw: random.Random) -> str:
        """Kill one."""
        victim = draw.choice(world.machines.workers())
        victim.kill()
        return f"worker {victim.pid}"
