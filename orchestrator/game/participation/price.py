"""The price of a resource: the slope of the population's (cost, loss) Pareto front (DESIGN 4.5).

Mixtures of members can only reach the convex hull of what members reach, so the price is the slope
of the lower convex hull (Andrew 1979 for the algorithm): what one more unit buys elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Price:
    """Nats per token that one unit of the resource buys at the cost asked for."""

    value: float
    """Mean of the two slopes; equal to both within an edge of the front."""
    buying: float
    """What one more unit saves: the slope to the right, at most `selling`."""
    selling: float
    """What one unit less would lose: the slope to the left."""
    front: NDArray[np.int64]  # (k,)
    """Members on the front, cheapest first."""


def price_from_front(
    costs: ArrayLike,  # (members,), resource units, >= 0
    losses: ArrayLike,  # (members,), nats per token
    *,
    at: float,
) -> Price:
    """Return the price mu of a resource, in nats per token and unit, never negative.

    Args:
        costs: What each member uses.
        losses: What each member reaches, lower is better.
        at: Cost at which the price is asked. Beyond the ends of the front the end's slope is used.

    Raises:
        ValueError: Costs or losses are not finite, do not match, or a cost is negative; or the
            front has a single member, so that nothing can be bought.
    """
    c, loss = np.asarray(costs, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if c.ndim != 1 or c.shape != loss.shape:
        raise ValueError(
            f"Each member has one cost and one loss, but got the shapes {c.shape} and "
            f"{loss.shape}. Leave out members that failed."
        )
    if not (np.isfinite(c).all() and np.isfinite(loss).all() and c.min(initial=0.0) >= 0):
        raise ValueError(
            "Costs and losses must be finite and costs not negative, but got others. Leave out "
            "members that failed."
        )
    front = _lower_hull(c, loss)
    if len(front) < 2:
        raise ValueError(
            f"A price needs at least 2 members on the (cost, loss) front, but got {len(front)} of "
            f"{c.size}: the cheapest is the best. Set the price mu yourself, or search with more "
            f"varied costs."
        )
    slopes = -np.diff(loss[front]) / np.diff(c[front])
    edges = len(slopes) - 1
    left = min(max(int(np.searchsorted(c[front], at, side="left")) - 1, 0), edges)
    right = min(max(int(np.searchsorted(c[front], at, side="right")) - 1, 0), edges)
    return Price(
        value=float(slopes[left] + slopes[right]) / 2,
        buying=float(slopes[right]),
        selling=float(slopes[left]),
        front=front,
    )


def _lower_hull(c: NDArray[np.float64], loss: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the members on the falling part of the lower convex hull, cheapest first."""
    hull: list[int] = []
    for i in np.lexsort((loss, c)).tolist():
        if hull and loss[i] >= loss[hull[-1]]:
            continue
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            if (loss[b] - loss[a]) * (c[i] - c[a]) < (loss[i] - loss[a]) * (c[b] - c[a]):
                break
            hull.pop()
        hull.append(i)
    return np.array(hull, dtype=np.int64)
