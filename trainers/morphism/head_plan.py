"""Which heads go where when query and key-value heads change in number (pure integers).

Query head h reads key-value head h // (H / K): heads stand in K groups of equal size G = H / K. A
head keeps its function only beside the key-value head it was trained with, so groups are planned
first. More key-value heads: a group too large for the child is split over several copies of its
key-value head (exact); left-over key-value heads are new. Fewer: the least useful groups go, and
if more remain than the child has, neighbours are pooled by the mean of their key-value heads
(Ainslie et al. 2023, arXiv:2305.13245, section 2.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from trainers.morphism.weight import NEW

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPlan:
    """The child's heads in terms of the donor's."""

    queries: tuple[int, ...]
    """(H',) donor head of each query head, or NEW; new ones come last in their group."""
    shares: tuple[tuple[float, ...], ...]
    """(K', K) share of the query heads of each donor key-value head that a child's one serves."""
    lost: float
    """Usefulness of the heads left out, and half that of heads whose key-value head was pooled."""
    preserving: bool


def plan_heads(
    usefulness: Sequence[float],  # (H,)
    *,
    kv_heads: int,
    child_heads: int,
    child_kv_heads: int,
) -> HeadPlan:
    """Place the donor's heads into the child's groups, the least useful left out first.

    >>> plan_heads([1.0, 2.0], kv_heads=2, child_heads=1, child_kv_heads=1).queries
    (1,)
    >>> plan_heads([1.0, 2.0], kv_heads=1, child_heads=2, child_kv_heads=2).shares
    ((0.5,), (0.5,))
    """
    size = len(usefulness) // kv_heads
    child_size = child_heads // child_kv_heads
    groups = [list(range(k * size, (k + 1) * size)) for k in range(kv_heads)]
    if child_kv_heads < kv_heads:
        blocks = _pooled(groups, usefulness, child_heads=child_heads, count=child_kv_heads)
        copies = [1] * child_kv_heads
    else:
        blocks = groups
        copies = _copies(groups, usefulness, child_size=child_size, count=child_kv_heads)
    queries: list[int] = []
    for block, count in zip(blocks, copies, strict=True):
        kept = sorted(sorted(block, key=lambda h: -usefulness[h])[: count * child_size])
        for copy in range(count):
            part = kept[copy * child_size : (copy + 1) * child_size]
            queries += part + [NEW] * (child_size - len(part))
    queries += [NEW] * (child_heads - len(queries))
    counts = [[0] * kv_heads for _ in range(child_kv_heads)]
    for slot, h in enumerate(queries):
        if h != NEW:
            counts[slot // child_size][h // size] += 1
    placed = [h for h in queries if h != NEW]
    pooled = [
        h
        for slot, h in enumerate(queries)
        if h != NEW and sum(c > 0 for c in counts[slot // child_size]) > 1
    ]
    left_out = set(range(len(usefulness))) - set(placed)
    return HeadPlan(
        queries=tuple(queries),
        shares=tuple(tuple(c / size for c in row) for row in counts),
        lost=sum(usefulness[h] for h in left_out) + sum(usefulness[h] for h in pooled) / 2,
        preserving=not left_out and not pooled,
    )


def _pooled(
    groups: list[list[int]], usefulness: Sequence[float], *, child_heads: int, count: int
) -> list[list[int]]:
    """Keep the groups that the child's heads can use and join neighbours into `count` blocks."""
    size = len(groups[0])
    keep = max(count, min(len(groups), math.ceil(child_heads / size)))
    ranked = sorted(groups, key=lambda group: -sum(usefulness[h] for h in group))
    kept = sorted(ranked[:keep])
    bounds = [round(b * keep / count) for b in range(count + 1)]
    return [[h for group in kept[low:high] for h in group] for low, high in pairwise(bounds)]


def _copies(
    groups: list[list[int]], usefulness: Sequence[float], *, child_size: int, count: int
) -> list[int]:
    """Give spare key-value heads one by one to the group that leaves out the most usefulness."""
    copies = [1] * len(groups)

    def left_out(g: int) -> tuple[int, float]:
        ranked = sorted((usefulness[h] for h in groups[g]), reverse=True)
        rest = ranked[copies[g] * child_size :]
        return (int(bool(rest)), sum(rest))

    while sum(copies) < count:
        neediest = max(range(len(groups)), key=left_out)
        if not left_out(neediest)[0]:
            break
        copies[neediest] += 1
    return copies
