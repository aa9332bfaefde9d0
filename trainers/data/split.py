"""Which split a document belongs to: decided by its text alone, so that no copy of it leaks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from trainers.data.spec import SPLITS

if TYPE_CHECKING:
    from trainers.data.spec import Split, SplitShares


def split_of(document: bytes, *, seed: int, shares: SplitShares) -> Split:
    """Return the split of a document, given as UTF-8.

    sha256 of (seed, text) is read as a number u in [0, 1); the split is the one whose part of the
    cumulated shares holds u. Exact duplicates, in whatever source, fall in the same split.

    >>> from trainers.data.spec import SplitShares
    >>> split_of(b"Whales are mammals.", seed=0, shares=SplitShares())
    'game'
    """
    digest = hashlib.sha256(b"%d\0" % seed + document).digest()
    u = int.from_bytes(digest[:8], "big") / 2**64
    bound = 0.0
    for split, share in zip(SPLITS, shares.in_order(), strict=True):
        bound += share
        if u < bound:
            return split
    return SPLITS[-1]  # the shares sum to 1 up to rounding
