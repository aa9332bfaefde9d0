"""SIGKILL of the driver: `masga resume` replays the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World


class KilledDriver:
    """Ends the process of `masga search`."""

    driver = "is killed"

    def obstacle(self, world: World) -> str | None:
        """None: there always is a driver."""

    def inject(self, world: World, draw: random.Random) -> str:
        """Kill it."""
        victim = world.subject.pid()
        world.subject.kill()
        return f"driver {victim}"
