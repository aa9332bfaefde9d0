"""A disk of its own, which can be filled."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SIZE = 64 * 2**20
_PIECE = 2**16


class Disk:
    """A file system in memory where one may be mounted, else an ordinary directory.

    Args:
        place: Where it goes; made.
    """

    def __init__(self, place: Path) -> None:
        place.mkdir()
        self.place = place
        self._ballast = place / "ballast"
        self.obstacle = _mounted(place)
        """Why it cannot be filled; none: it can."""

    def fill(self, *, leave: int) -> int:
        """Fill it but for about so many bytes; return how many were written."""
        with self._ballast.open("wb") as file:
            while (room := shutil.disk_usage(self.place).free - leave) >= 4096:
                try:
                    file.write(b"\0" * min(room, _PIECE))
                    file.flush()
                except OSError:  # the search was quicker
                    break
            return file.tell()

    def free(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Take it away."""
        if self.obstacle is None:
            subprocess.run(["umount", "-l", str(self.place)], check=False)


def _mounted(place: Path) -> str | None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return "only root may mount a file system to fill"
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"a file system to fill: {done.stderr.strip()}"
