"""Which heads of a layer can go when some are named, so that no other one goes with them.

Query heads stand in groups of equal size, one a key-value head. A layer can lose whole groups, and
the same number of heads of each group that stays (`trainers.morphism.head_plan` then keeps the
others where they are).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def prunings(heads: int, kv_heads: int, named: Collection[int]) -> Iterator[tuple[int, int]]:
    """Give (query heads, key-value heads) of the layer without named heads, most removed first.

    At least one head stays. What is left is always reached by removing named heads only.

    >>> list(prunings(4, 2, {0, 1, 2}))
    [(1, 1), (2, 2), (2, 1)]
    """
    size = heads // kv_heads
    counts = [sum(k * size <= h < (k + 1) * size for h in named) for k in range(kv_heads)]
    whole = counts.count(size)
    options: set[tuple[int, int]] = set()
    for gone in range(whole + 1):
        stay = kv_heads - gone
        # of the groups that stay, as many as are still wholly named have size - 1 to give
        partial = sorted([*(c for c in counts if c < size), *[size - 1] * (whole - gone)])
        if stay:
            options |= {(stay * (size - each), stay) for each in range(partial[0] + 1)}
    options.discard((heads, kv_heads))
    yield from sorted(options, key=lambda option: (option[0], -option[1]))
