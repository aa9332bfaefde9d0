"""All equilibria of a game that is not degenerate, from vertices (Avis et al. 2010, section 2).

The best-reply polytopes are those of `extreme_equilibria`, P = {x >= 0: B'x <= 1} and
Q = {y >= 0: A y <= 1}; their vertices come from Qhull (Barber et al. 1996). If every vertex lies on
exactly d facets, the game is not degenerate and equilibria are the pairs with complementary labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOLERANCE = 1e-9
LARGEST_REGRET = 1e-11
"""Of payoffs with a range of 1: a vertex that Qhull found less exactly is not relied on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vertices:
    labels: NDArray[np.int64]  # (v,), masks: own strategies unplayed, others' that are best replies
    points: NDArray[np.float64]  # (v, d)


def equilibria_by_vertices(
    a: NDArray[np.float64],  # (m, n), range 1
    b: NDArray[np.float64],  # (m, n), range 1
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]] | None:
    """Return the strategies of all equilibria, the smallest supports first.

    None where that cannot be relied on: Qhull gave up or was not exact, a vertex lies on more
    facets than it needs (the game may be degenerate), or the number of equilibria came out even,
    which it never is in a game that is not degenerate (Wilson 1971).
    """
    m, n = a.shape
    rows = _vertices(b.T - b.min() + 1.0, own_first=True)
    columns = _vertices(a - a.min() + 1.0, own_first=False)
    if rows is None or columns is None:
        return None
    every = (1 << (m + n)) - 1
    labels, at_row, at_column = np.intersect1d(
        rows.labels, every ^ columns.labels, return_indices=True
    )
    # the vertices 0 of both polytopes complete each other too: no strategy is played there
    real = labels != (1 << m) - 1
    unplayed = (labels[real, None] >> np.arange(m + n)) & 1 == 1
    x = np.where(unplayed[:, :m], 0.0, rows.points[at_row[real]])
    y = np.where(unplayed[:, m:], columns.points[at_column[real]], 0.0)
    x, y = x / x.sum(axis=1, keepdims=True), y / y.sum(axis=1, keepdims=True)
    of_rows, of_columns = y @ a.T, x @ b
    regret = np.maximum(
        of_rows.max(axis=1) - (x * of_rows).sum(axis=1),
        of_columns.max(axis=1) - (y * of_columns).sum(axis=1),
    )
    sizes = (x > 0).sum(axis=1)
    if len(x) % 2 == 0 or (sizes != (y > 0).sum(axis=1)).any() or regret.max() > LARGEST_REGRET:
        return None
    supports = [(*np.flatnonzero(p), *np.flatnonzero(q)) for p, q in zip(x, y, strict=True)]
    order = sorted(range(len(x)), key=lambda k: (sizes[k], supports[k]))
    return [(x[k], y[k]) for k in order]


def _vertices(
    payoffs: NDArray[np.float64],  # (others' strategies, own strategies), in [1, 2]
    *,
    own_first: bool,
) -> _Vertices | None:
    """Return the vertices of {z >= 0: payoffs z <= 1}; None if it is not simple."""
    others, d = payoffs.shape
    normals = np.vstack([-np.eye(d), payoffs])
    slack = np.append(np.zeros(d), np.ones(others))  # normals z <= slack
    inside = np.full(d, 1.0 / (4.0 * d))
    try:
        # vertices of a polytope are the facets of its dual's hull (Barber et al. 1996, section 1)
        hull = scipy.spatial.ConvexHull(normals / (slack - normals @ inside)[:, None])
    except scipy.spatial.QhullError:
        return None
    points = inside - hull.equations[:, :d] / hull.equations[:, d:]
    tight = np.abs(points @ normals.T - slack) <= _TOLERANCE
    if (tight.sum(axis=1) != d).any():
        return None
    own = np.arange(d) + (0 if own_first else others)
    bits = np.left_shift(np.int64(1), np.append(own, np.arange(others) + (d if own_first else 0)))
    return _Vertices(labels=bits[hull.simplices].sum(axis=1), points=points)
