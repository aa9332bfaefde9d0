"""Two-player zero-sum games by linear programming (von Neumann 1928; Dantzig 1951)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.game.inputs import check_payoffs, scale_of
from orchestrator.game.normal_form.equilibrium import Equilibrium, regrets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def solve_zero_sum(
    payoffs: ArrayLike,  # (m, n)
) -> tuple[Equilibrium, float]:
    """Return one pair of optimal strategies and the value of the game.

    The row player receives `payoffs`, the column player pays them. Where several strategies are
    optimal one vertex is returned; `max_entropy_equilibrium` chooses one that depends on nothing
    but the game.

    Args:
        payoffs: Payoffs of the row player.

    Raises:
        ValueError: The payoffs are no finite matrix.
    """
    a = check_payoffs(payoffs)
    centre, scale = float(a.mean()), scale_of(a)
    scaled = (a - centre) / scale
    row, column = _polished(scaled, _maximin(scaled), _maximin(-scaled.T))
    regret = max(regrets(a, -a, row, column))
    return Equilibrium(row=row, column=column, regret=regret), float(row @ a @ column)


def _maximin(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return x that maximises min_j (x A)_j: max v with A'x >= v, sum x = 1, x >= 0."""
    m, n = scaled.shape
    solution = scipy.optimize.linprog(
        np.append(np.zeros(m), -1.0),
        A_ub=np.hstack([-scaled.T, np.ones((n, 1))]),
        b_ub=np.zeros(n),
        A_eq=np.append(np.ones(m), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * m + [(None, None)],
        method="highs-ds",
    )
    if solution.status != 0:
        raise RuntimeError(
            f"Every matrix game has a solution, but the linear program reports: "
            f"{solution.message} Scale the payoffs to a similar size."
        )
    strategy = np.maximum(solution.x[:m], 0.0)
    normed: NDArray[np.float64] = strategy / strategy.sum()
    return normed


def _polished(
    scaled: NDArray[np.float64], row: NDArray[np.float64], column: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Replace the solver's 1e-7 by rounding error where the supports determine the solution."""
    rows, columns = np.flatnonzero(row > 1e-9), np.flatnonzero(column > 1e-9)
    if len(rows) != len(columns):
        return row, column
    support = scaled[np.ix_(rows, columns)]
    better_row, better_column = np.zeros_like(row), np.zeros_like(column)
    try:
        better_column[columns] = equalising(support)
        better_row[rows] = equalising(support.T)
    except np.linalg.LinAlgError:
        return row, column
    if min(better_row.min(), better_column.min()) < 0:
        return row, column
    before = max(regrets(scaled, -scaled, row, column))
    after = max(regrets(scaled, -scaled, better_row, better_column))
    return (better_row, better_column) if after <= before else (row, column)


def equalising(
    payoffs: NDArray[np.float64],  # (..., k, k)
) -> NDArray[np.float64]:
    """Return y with (A y)_1 = ... = (A y)_k and sum y = 1, shape (..., k).

    Raises:
        numpy.linalg.LinAlgError: There is none, or more than one.
    """
    system = payoffs - payoffs[..., :1, :]
    system[..., 0, :] = 1.0
    right = np.zeros((*system.shape[:-1], 1))
    right[..., 0, 0] = 1.0
    return np.asarray(np.linalg.solve(system, right)[..., 0], dtype=np.float64)
