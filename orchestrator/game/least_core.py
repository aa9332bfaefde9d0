"""The least core: shares that leave the most dissatisfied coalition least to object.

    minimise e  subject to  x(S) >= v(S) - e for all S but none and all,  x(N) = v(N)

(Maschler, Peleg, Shapley 1979, section 6). e <= 0 means that the core is not empty. Constraints are
added only when they are violated: all 2^n are looked at, few enter the linear program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.game.coalitions import check_values, matrix_of, num_players

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.coalitions import Values

_TOLERANCE = 1e-9
_ADDED_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeastCore:
    """One allocation in the least core."""

    allocation: NDArray[np.float64]  # (n,), sums to v(all) - v(none)
    """Where several are in the least core, a vertex of it; the nucleolus is a canonical one."""
    excess: float
    """The largest excess v(S) - x(S), in units of v: what the core lacks if above 0."""
    has_core: bool
    """Whether the core is not empty."""


def least_core(values: ArrayLike) -> LeastCore:
    """Return an allocation in the least core.

    Args:
        values: Value table by bit mask, (2^n,); v(none) is taken off first. For costs to be shared
            give minus the costs.

    Raises:
        ValueError: The table is none, or not finite.
    """
    table = check_values(values)
    table = table - table[0]
    n = num_players(table)
    total = float(table[-1])
    if n == 1:
        return LeastCore(allocation=np.array([total]), excess=0.0, has_core=True)
    scale = max(float(np.abs(table).max()), 1e-300)
    scaled = table / scale
    chosen = np.unique(
        np.concatenate([1 << np.arange(n), (1 << n) - 1 - (1 << np.arange(n))])
    ).astype(np.int64)
    while True:
        allocation, excess = _program(scaled, chosen, n)
        excesses = scaled - sums(allocation)
        excesses[[0, -1]] = -np.inf
        worst = np.argsort(-excesses, kind="stable")[:_ADDED_AT_ONCE]
        worst = worst[excesses[worst] > excess + _TOLERANCE]
        new = np.setdiff1d(worst, chosen)
        if new.size == 0:
            break
        chosen = np.union1d(chosen, new)
    excess = float(excesses.max()) * scale
    return LeastCore(
        allocation=allocation * scale, excess=excess, has_core=excess <= _TOLERANCE * scale
    )


def sums(allocation: NDArray[np.float64]) -> Values:  # (n,) -> (2^n,)
    """Return x(S), the sum of an allocation over each coalition."""
    totals = np.zeros(1)
    for share in allocation:
        totals = np.concatenate([totals, totals + share])
    return totals


def _program(
    scaled: Values, chosen: NDArray[np.int64], n: int
) -> tuple[NDArray[np.float64], float]:
    """Solve the linear program over some coalitions: (allocation, excess)."""
    solution = scipy.optimize.linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=-np.hstack([matrix_of(chosen, n).astype(np.float64), np.ones((len(chosen), 1))]),
        b_ub=-scaled[chosen],
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=[scaled[-1]],
        bounds=[(None, None)] * (n + 1),
        method="highs-ds",
    )
    if solution.status != 0:
        raise RuntimeError(
            f"The least core is never empty, but the linear program reports: {solution.message} "
            f"Scale the values to a similar size."
        )
    allocation = np.asarray(solution.x[:n], dtype=np.float64)
    return allocation, float(solution.x[n])
