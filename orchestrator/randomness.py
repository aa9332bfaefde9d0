"""Counter-based random generators: every draw of a search is keyed by what it is for.

Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") turns a 128-bit key into
a stream of its own. The key is the first half of the SHA-256 of the canonical tuple (seed, purpose,
generation, member), so that a stream depends on nothing else: not on the number of workers, not
on the order of calls, not on the process, not on a crash in between.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np

WHOLE_POPULATION = -1
"""The `member` of draws that belong to the whole population and to no member."""


def generator(seed: int, purpose: str, generation: int, member: int) -> np.random.Generator:
    """Return the generator of one purpose: the same arguments give the same stream, for ever.

    Args:
        seed: The run's seed; any integer.
        purpose: What is drawn, for example "select" or "propose"; any text.
        generation: Generation of the draw, in the run's own count.
        member: Member of the draw, or `WHOLE_POPULATION`.

    Returns:
        A fresh generator at the start of its stream. Streams of unequal arguments are independent
        (they share a key with probability 2^-128).

    >>> bool(generator(1, "select", 3, 0).random() == generator(1, "select", 3, 0).random())
    True
    >>> bool(generator(1, "select", 3, 0).random() == generator(1, "select", 3, 1).random())
    False
    """
    # JSON keeps the borders between the fields: (1, "2", 3) and (12, "", 3) differ.
    text = f"[{int(seed)}, {json.dumps(purpose)}, {int(generation)}, {int(member)}]"
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
