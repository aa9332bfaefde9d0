"""SIGKILL of the GCS, the cluster's memory: it is started again on its external storage."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World


class KilledGcs:
    """Takes the cluster's memory away for some seconds; everything else lives."""

    driver = "lives"

    def obstacle(self, world: World) -> str | None:
        """None: there always is one."""

    def inject(self, world: World, draw: random.Random) -> str:
        """Kill it; start it again some seconds later."""
        away = draw.uniform(0.0, 10.0)
        world.machines.kill_gcs()
        time.sleep(away)
        world.machines.restart_gcs()
        return f"GCS, away for {away:.0f} s"
