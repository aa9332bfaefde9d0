"""Where masga keeps what can be made or fetched again."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "MASGA_CACHE"


def cache_directory() -> Path:
    """Return where corpora and fetched logs are kept: $MASGA_CACHE, or under ~/.cache."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else Path.home() / ".cache" / "masga"
