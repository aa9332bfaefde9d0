"""One equilibrium of a bimatrix game by complementary pivoting (Lemke and Howson 1964).

Two tableaux, B'x + s = 1 and A y + r = 1 with positive payoffs; a label is dropped, and pivots
alternate until it is picked up again (von Stengel 2007, section 3.5). Ties of the ratio test are
broken lexicographically (ibid., section 3.6), so that degenerate games cannot cycle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.inputs import check_bimatrix, scale_of
from orchestrator.game.normal_form.equilibrium import Equilibrium, regrets
from orchestrator.game.normal_form.zero_sum import equalising

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_TIE = 1e-11
_MAX_PIVOTS = 100_000


def lemke_howson(
    row_payoffs: ArrayLike,  # (m, n)
    column_payoffs: ArrayLike,  # (m, n)
    *,
    label: int = 0,
) -> Equilibrium:
    """Return the equilibrium that is reached from the artificial one when a label is dropped.

    Args:
        row_payoffs: Payoffs of the row player.
        column_payoffs: Payoffs of the column player, in the same orientation.
        label: Which one is dropped: 0..m-1 are row strategies, m..m+n-1 column strategies. Other
            labels may lead to other equilibria; not all equilibria are reached by any.

    Raises:
        ValueError: The payoffs are not finite or do not match, or there is no such label.
    """
    a, b = check_bimatrix(row_payoffs, column_payoffs)
    m, n = a.shape
    if not 0 <= label < m + n:
        raise ValueError(
            f"`0 <= label < {m + n}` must hold for {m} x {n} strategies, but got label={label}. "
            f"Labels count the row strategies first, then the column strategies."
        )
    scaled_a = (a - a.min()) / scale_of(a) + 1
    scaled_b = (b - b.min()) / scale_of(b) + 1
    # Columns are variables by label: strategies or slacks; the last column is the right-hand side.
    tableaux = (
        np.hstack([scaled_b.T, np.eye(n), np.ones((n, 1))]),
        np.hstack([np.eye(m), scaled_a, np.ones((m, 1))]),
    )
    bases = (np.arange(m, m + n), np.arange(m))
    slacks = (np.arange(m, m + n), np.arange(m))
    side = 0 if label < m else 1
    entering = label
    for _ in range(_MAX_PIVOTS):
        entering = _pivot(tableaux[side], bases[side], slacks[side], entering)
        if entering == label:
            break
        side = 1 - side
    else:
        raise RuntimeError(
            f"Lemke-Howson must end, but made {_MAX_PIVOTS:,} pivots from label {label}. "
            f"Drop another label."
        )
    row = _strategy(tableaux[0], bases[0], np.arange(m))
    column = _strategy(tableaux[1], bases[1], np.arange(m, m + n))
    row, column = _polished(a, b, row, column)
    return Equilibrium(row=row, column=column, regret=max(regrets(a, b, row, column)))


def _pivot(
    tableau: NDArray[np.float64],
    basis: NDArray[np.int64],
    slacks: NDArray[np.int64],
    entering: int,
) -> int:
    """Bring a variable into the basis, in place; return the one that leaves."""
    column = tableau[:, entering]
    tied = np.flatnonzero(column > _TIE)
    for lexicographic in (-1, *slacks):
        ratios = tableau[tied, lexicographic] / column[tied]
        tied = tied[ratios <= ratios.min() + _TIE]
        if len(tied) == 1:
            break
    row = int(tied[0])
    leaving = int(basis[row])
    tableau[row] /= tableau[row, entering]
    factors = tableau[:, entering].copy()
    factors[row] = 0.0
    tableau -= np.outer(factors, tableau[row])
    basis[row] = entering
    return leaving


def _strategy(
    tableau: NDArray[np.float64], basis: NDArray[np.int64], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    values = np.zeros(tableau.shape[1])
    values[basis] = np.maximum(tableau[:, -1], 0.0)
    strategy = values[labels]
    normed: NDArray[np.float64] = strategy / strategy.sum()
    return normed


def _polished(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    row: NDArray[np.float64],
    column: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Solve once more on the supports found, to be rid of the rounding of many pivots."""
    rows, columns = np.flatnonzero(row > 1e-9), np.flatnonzero(column > 1e-9)
    if len(rows) != len(columns):
        return row, column
    better_row, better_column = np.zeros_like(row), np.zeros_like(column)
    try:
        better_column[columns] = equalising(a[np.ix_(rows, columns)])
        better_row[rows] = equalising(b[np.ix_(rows, columns)].T)
    except np.linalg.LinAlgError:
        return row, column
    if min(better_row.min(), better_column.min()) < 0:
        return row, column
    before, after = regrets(a, b, row, column), regrets(a, b, better_row, better_column)
    return (better_row, better_column) if max(after) <= max(before) else (row, column)
