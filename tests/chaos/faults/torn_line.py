"""The log's last line is torn: dropped on resuming, for its effect had not begun."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World


class TornLine:
    """Ends the driver as a power cut does, in the middle of a write to the log."""

    driver = "is killed"

    def obstacle(self, world: World) -> str | None:
        """Only a local log has lines to tear."""
        return "the search is kept in an object store" if world.store else None

    def inject(self, world: World, draw: random.Random) -> str:
        """Kill the driver and cut the log within its last line."""
        world.subject.kill()
        content = world.subject.content().rstrip(b"\n")
        length = len(content) - content.rfind(b"\n") - 1
        cut = draw.randrange(1, length)
        os.truncate(world.subject.log, len(content) - cut)
        return f"{cut} of the last {length} bytes"
