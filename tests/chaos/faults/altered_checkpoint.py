"""A checkpoint that the search goes on from is altered: its interval is trained again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orchestrator.event_log import read_log
from orchestrator.events import Ordered, Reported

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.chaos.world import World

_CHECKPOINTS = "checkpoints"


class TruncatedCheckpoint:
    """Ends the driver, and cuts a file of a checkpoint that an open task starts from."""

    driver = "is killed"

    def obstacle(self, world: World) -> str | None:
        """Only local files are altered."""
        return "the search is kept in an object store" if world.store else None

    def inject(self, world: World, draw: random.Random) -> str:
        """Kill the driver; truncate."""
        file = _stricken(world, draw)
        length = draw.randrange(file.stat().st_size)
        os.truncate(file, length)
        return f"{file.parent.name}/{file.name[:13]} cut to {length} bytes"


class FlippedBit:
    """Ends the driver, and flips one bit of a checkpoint that an open task starts from."""

    driver = "is killed"

    def obstacle(self, world: World) -> str | None:
        """Only local files are altered."""
        return "the search is kept in an object store" if world.store else None

    def inject(self, world: World, draw: random.Random) -> str:
        """Kill the driver; flip a bit."""
        file = _stricken(world, draw)
        at, bit = draw.randrange(file.stat().st_size), draw.randrange(8)
        content = bytearray(file.read_bytes())
        content[at] ^= 1 << bit
        file.write_bytes(content)
        return f"{file.parent.name}/{file.name[:13]}, bit {bit} of byte {at}"


def _stricken(world: World, draw: random.Random) -> Path:
    """Kill the driver, and choose a file of a checkpoint that it will go on from."""
    world.subject.kill()
    events = read_log(world.subject.log)[0]
    answered = {(e.member, e.generation) for e in events if isinstance(e, Reported)}
    sources = sorted(
        {
            e.source
            for e in events
            if isinstance(e, Ordered)
            and e.source is not None
            and (e.member, e.generation) not in answered
        }
    )
    names = [f"g{generation:05d}-m{member:05d}" for member, generation in sources]
    checkpoints = world.subject.directory / _CHECKPOINTS
    files = [file for name in names for file in sorted((checkpoints / name).iterdir())]
    return draw.choice([file for file in files if not file.name.startswith(".")])
