"""The replicator's exact step: exponential weights (Freund, Schapire 1999; Hofbauer et al. 2009).

While payoffs stay as they are, the replicator dynamic moves x to x exp(t f) / sum x exp(t f): the
step is exact for them and cannot leave the simplex, whatever its length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.inputs import check_bimatrix, check_square

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def exponential_weights_step(
    state: NDArray[np.float64],  # (..., n), on the simplex
    payoffs: NDArray[np.float64],  # (..., n), of each strategy
    *,
    rate: float,
) -> NDArray[np.float64]:
    """Return the state after one step of length `rate`, (..., n), on the simplex.

    A strategy with share 0 stays at 0; one above 0 stays above (down to the smallest number that
    the machine has).

    >>> exponential_weights_step(np.array([0.5, 0.5]), np.array([0.0, np.log(3)]), rate=1.0)
    array([0.25, 0.75])
    """
    exponent = rate * payoffs
    weights = state * np.exp(exponent - exponent.max(axis=-1, keepdims=True))
    total = weights.sum(axis=-1, keepdims=True)
    if np.all(total > 0):
        moved: NDArray[np.float64] = weights / total
        return moved
    # The best strategy is absent and the others underflow: compare the present ones alone.
    present = np.where(state > 0, exponent, -np.inf)
    weights = state * np.exp(present - present.max(axis=-1, keepdims=True))
    rescued: NDArray[np.float64] = weights / weights.sum(axis=-1, keepdims=True)
    return rescued


def exponential_weights_path(
    payoffs: ArrayLike,  # (n, n)
    start: NDArray[np.float64],  # (n,), on the simplex
    *,
    rate: float,
    steps: int,
) -> NDArray[np.float64]:  # (steps + 1, n)
    """Return the states of one population from `start` on, payoffs taken anew at each step."""
    matrix = check_square(payoffs)
    path = np.empty((steps + 1, len(start)))
    path[0] = start
    for step in range(steps):
        path[step + 1] = exponential_weights_step(path[step], matrix @ path[step], rate=rate)
    return path


def two_population_path(
    row_payoffs: ArrayLike,  # (m, n)
    column_payoffs: ArrayLike,  # (m, n)
    start: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    rate: float,
    steps: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # (steps + 1, m), (steps + 1, n)
    """Return the states of two populations that move at the same time.

    The time average of both nears equilibrium in zero-sum games (Freund, Schapire 1999, theorem 1).
    """
    a, b = check_bimatrix(row_payoffs, column_payoffs)
    rows, columns = np.empty((steps + 1, a.shape[0])), np.empty((steps + 1, a.shape[1]))
    rows[0], columns[0] = start
    for step in range(steps):
        x, y = rows[step], columns[step]
        rows[step + 1] = exponential_weights_step(x, a @ y, rate=rate)
        columns[step + 1] = exponential_weights_step(y, x @ b, rate=rate)
    return rows, columns
