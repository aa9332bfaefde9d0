"""SIGKILL of the whole head node: it comes back on its external storage, the search is resumed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World

_END_SECONDS = 240.0


class KilledHead:
    """Takes the power from the machine of GCS, and of the raylet that the driver hangs on."""

    driver = "ends"

    def obstacle(self, world: World) -> str | None:
        """None: there always is a head."""

    def inject(self, world: World, draw: random.Random) -> str:
        """Kill it; start it again some seconds later; wait for the driver to end by itself."""
        away = draw.uniform(0.0, 20.0)
        began = time.monotonic()
        world.machines.kill_head()
        time.sleep(away)
        world.machines.restart_head()
        code = world.subject.wait(seconds=_END_SECONDS)
        ended = time.monotonic() - began
        return (
            f"head node, away for {away:.0f} s; within {ended:.0f} s the driver ended with {code}"
        )
