"""Random draws that depend on their key alone (Salmon et al. 2011, Philox): no state to carry.

Raw 64-bit outputs are used, which NumPy promises not to change, and never its distributions, which
it may: the order of the data is the same under every version.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTPUTS_PER_COUNTER = 4
CACHED_ENTRIES = 1 << 25
"""Window numbers that `Permutations` keeps (at 4 or 8 bytes each), at least one epoch."""


def uniforms(key: tuple[object, ...], start: int, count: int) -> NDArray[np.float64]:
    """Return draws number `start` to `start + count - 1` of the key's sequence, in [0, 1)."""
    counter, skip = divmod(start, OUTPUTS_PER_COUNTER)
    raw = np.random.Philox(key=_philox_key(key), counter=counter).random_raw(skip + count)
    # 53 bits: the most that a float64 holds evenly spaced.
    return (raw[skip:] >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(key: tuple[object, ...], length: int) -> NDArray[np.uint32 | np.int64]:
    """Return the key's order of 0 .. length - 1: by the numbers that are drawn for them.

    A number and the index it is drawn for share 64 bits, so that no two are equal and any sorting
    algorithm gives one order (plain sorting is also about 1.5 times faster than a stable argsort).
    """
    bits = np.uint64(max(1, (length - 1).bit_length()))
    raw = np.random.Philox(key=_philox_key(key)).random_raw(length)
    drawn = (raw >> bits << bits) | np.arange(length, dtype=np.uint64)
    drawn.sort()
    order = drawn & ((np.uint64(1) << bits) - np.uint64(1))
    return order.astype(np.uint32 if length <= 1 << 32 else np.int64)


class Permutations:
    """The permutations used last; a cache of `permutation`, so it changes no result."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], NDArray[np.uint32 | np.int64]] = OrderedDict()
        self._entries = 0

    def get(self, key: tuple[object, ...], length: int) -> NDArray[np.uint32 | np.int64]:
        """Return `permutation(key, length)`."""
        place = (*key, length)
        if place in self._kept:
            self._kept.move_to_end(place)
            return self._kept[place]
        order = permutation(key, length)
        self._kept[place] = order
        self._entries += length
        while self._entries > CACHED_ENTRIES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._entries -= len(dropped)
        return order


def _philox_key(key: tuple[object, ...]) -> int:
    text = "\0".join(str(part) for part in key)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")
