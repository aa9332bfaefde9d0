"""Which search a log is of, wherever its directory lies: the digest of the log's first line."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def search_id(log: Path) -> str | None:
    """Return 16 hex of the log's first line, which tells what is searched and since when.

    None: no such file, or no whole line in it yet.
    """
    try:
        with log.open("rb") as file:
            line = file.readline()
    except OSError:
        return None
    return hashlib.sha256(line).hexdigest()[:16] if line.endswith(b"\n") else None
