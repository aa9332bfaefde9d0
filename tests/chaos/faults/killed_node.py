"""SIGKILL of a raylet and all its processes: a node is gone, later another one joins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World


class KilledNode:
    """Takes the power from a machine that hosts workers."""

    driver = "lives"

    def obstacle(self, world: World) -> str | None:
        """None: there always is a node."""

    def inject(self, world: World, draw: random.Random) -> str:
        """Kill it; let another one join some seconds later."""
        index = draw.randrange(world.machines.nodes)
        away = draw.uniform(0.0, 10.0)
        world.machines.kill_node(index)
        time.sleep(away)
        world.machines.join_again(index)
        return f"node {index + 1}, away for {away:.0f} s"
