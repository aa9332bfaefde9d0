"""The object store answers 503 for a while: whoever reads or writes it tries again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World


class RefusingStore:
    """Refuses every request for some seconds."""

    driver = "lives"

    def obstacle(self, world: World) -> str | None:
        """The search may lie in a directory."""
        return "the search is not kept in an object store" if world.store is None else None

    def inject(self, world: World, draw: random.Random) -> str:
        """Refuse them; then answer again."""
        assert world.store is not None
        weather, away = world.store.weather, draw.uniform(5.0, 40.0)
        before = weather.refused
        weather.is_bad = True
        time.sleep(away)
        weather.is_bad = False
        return f"{weather.refused - before} requests in {away:.0f} s"
