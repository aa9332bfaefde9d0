"""The disk fills up in the middle of a checkpoint: the search ends, and resumes with room."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World

_CHECKPOINT_BYTES = 500_000
_END_SECONDS = 240.0


class FullDisk:
    """Fills the file system of the search but for less than a generation's checkpoints."""

    driver = "ends"

    def obstacle(self, world: World) -> str | None:
        """A disk to fill must be mounted."""
        return "the search is kept in an object store" if world.store else world.disk.obstacle

    def inject(self, world: World, draw: random.Random) -> str:
        """Fill it, wait for the search to end, make room."""
        leave = draw.randrange(4096, _CHECKPOINT_BYTES)
        world.disk.fill(leave=leave)
        try:
            code = world.subject.wait(seconds=_END_SECONDS)
        finally:
            world.disk.free()
        return f"{leave / 1000:.0f} kB were left; the driver ended with {code}"
