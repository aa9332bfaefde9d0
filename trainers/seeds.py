"""Counter-based seeds: every random draw is keyed by what it is for, never by what came before."""

from __future__ import annotations

import hashlib


def seed_for(seed: int, purpose: str, *counters: int) -> int:
    """Derive an independent seed of 63 bits from a run's seed, a purpose and counters.

    >>> seed_for(0, "dropout", 7) == seed_for(0, "dropout", 7) != seed_for(0, "dropout", 8)
    True
    """
    key = "\x1f".join((str(seed), purpose, *map(str, counters)))
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1
