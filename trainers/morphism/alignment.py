"""Which layer of the donor becomes which layer of the child: the alignment that loses least.

Layers keep their order. All layers of the shorter network are matched. Among these alignments the
chosen one loses the least usefulness (layers dropped; heads and units that a match prunes or
pools), then has the least change of shape, then places new or dropped layers last. This is the edit
distance of Needleman and Wunsch (1970, J. Mol. Biol. 48, 443-453) with a two-part cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainers.morphism.weight import NEW

if TYPE_CHECKING:
    from collections.abc import Sequence

Cost = tuple[float, float]
"""(usefulness lost, relative change of shape); compared in this order."""


def align(
    dropped: Sequence[float],  # (n,) usefulness lost with each donor layer
    matched: Sequence[Sequence[Cost]],  # (n, m) cost of making child layer j of donor layer i
) -> tuple[int, ...]:
    """Return for each child layer its donor layer, or NEW.

    >>> same = ((0.0, 0.0), (0.0, 0.0))
    >>> align([3.0, 1.0, 2.0], [same, same, same])
    (0, 2)
    """
    n, m = len(dropped), len(matched[0])
    infinite = (float("inf"), float("inf"))
    # best[i][j]: (cost, step) of aligning donor layers i.. with child layers j..
    best: list[list[tuple[Cost, str]]] = [[(infinite, "")] * (m + 1) for _ in range(n + 1)]
    best[n][m] = ((0.0, 0.0), "")
    for i in range(n, -1, -1):
        for j in range(m, -1, -1):
            options: list[tuple[Cost, str]] = []
            if i < n and j < m:
                options.append((_add(matched[i][j], best[i + 1][j + 1][0]), "match"))
            if i < n and n > m:
                options.append((_add((dropped[i], 0.0), best[i + 1][j][0]), "drop"))
            if j < m and m > n:
                options.append((best[i][j + 1][0], "insert"))
            if options:
                best[i][j] = min(options, key=lambda option: option[0])  # ties: the first
    sources: list[int] = []
    i = j = 0
    while (i, j) != (n, m):
        step = best[i][j][1]
        if step != "drop":
            sources.append(i if step == "match" else NEW)
            j += 1
        if step != "insert":
            i += 1
    return tuple(sources)


def _add(a: Cost, b: Cost) -> Cost:
    return (a[0] + b[0], a[1] + b[1])
