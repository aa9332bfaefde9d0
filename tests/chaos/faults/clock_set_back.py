"""The driver's wall clock is set back by hours: no decision and no wait hangs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World


class ClockSetBack:
    """Sets the clock of the running driver back; it stays so."""

    driver = "lives"

    def obstacle(self, world: World) -> str | None:
        """None: the driver always has a clock."""

    def inject(self, world: World, draw: random.Random) -> str:
        """Set it back."""
        seconds = draw.randrange(60, 48 * 3600)
        world.clock.set(-seconds)
        return f"driver, {seconds / 3600:.1f} hours behind"
