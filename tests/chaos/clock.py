"""The driver's wall clock, which can be set back while it runs; this machine's stays as it is.

Run as a program it is `masga` with such a clock: what Python calls `time.time` is the machine's plus
an offset that a file holds. (A library in front of the system's own calls would not do: libfaketime
breaks Python's `sleep`.)
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

OFFSET_VARIABLE = "MASGA_CHAOS_CLOCK"
_NANO = 10**9


class Clock:
    """Sets the wall clock of processes that run this file with its `environment`.

    Args:
        scratch: Where the offset is kept.
    """

    def __init__(self, scratch: Path) -> None:
        self._offset = scratch / "clock"
        self.environment = {OFFSET_VARIABLE: str(self._offset)}
        self.set(0)

    def set(self, seconds: int) -> None:
        """Set it to so many seconds beside the true time."""
        new = self._offset.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._offset)


def use(offset: Path) -> None:
    """Let `time.time` and `time.time_ns` of this process be the machine's plus an offset."""
    true = time.time_ns

    def time_ns() -> int:
        return true() + int(offset.read_text()) * _NANO

    time.time_ns = time_ns
    time.time = lambda: time_ns() / _NANO


if __name__ == "__main__":
    sys.path.pop(0)  # this directory, which Ray would give to workers, too
    sys.argv[0] = "masga"
    use(Path(os.environ[OFFSET_VARIABLE]))
    from orchestrator.cli import main

    sys.exit(main(sys.argv[1:]))
