"""SIGKILL of the MLflow server: the search goes on, the record catches up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World


class KilledMlflow:
    """Takes the tracking server away for some seconds."""

    driver = "lives"

    def obstacle(self, world: World) -> str | None:
        """The search may keep no record."""
        return "the search keeps no record in MLflow" if world.tracking is None else None

    def inject(self, world: World, draw: random.Random) -> str:
        """Kill it; start it again some seconds later."""
        assert world.tracking is not None
        away = draw.uniform(0.0, 10.0)
        world.tracking.kill()
        time.sleep(away)
        world.tracking.start()
        return f"MLflow server, away for {away:.0f} s"
