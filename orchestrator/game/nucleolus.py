"""The nucleolus (Schmeidler 1969), by a sequence of linear programs (Maschler et al. 1979).

The excesses v(S) - x(S) of all coalitions, largest first, are made smallest one after another: each
program lowers the largest excess that is still free, and fixes the coalitions that cannot go below
it (those with a positive dual, Kopelowitz 1967), until the fixed ones determine x. At last x is
solved from the fixed coalitions alone, to rounding error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.game.coalitions import all_coalitions, check_values, num_players

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.coalitions import Values

MAX_PLAYERS = 12
_TOLERANCE = 1e-8


def nucleolus(values: ArrayLike) -> NDArray[np.float64]:
    """Return the nucleolus: among imputations (nobody gets less than alone), shape (n,).

    Args:
        values: Value table by bit mask, (2^n,), n up to 12; v(none) is taken off first. For costs
            to be shared give minus the costs.

    Raises:
        ValueError: The table is none, n is too large, or there is no imputation.
    """
    table, n = _checked(values)
    alone = table[1 << np.arange(n)]
    if alone.sum() > table[-1] + _TOLERANCE * max(float(np.abs(table).max()), 1.0):
        raise ValueError(
            f"The nucleolus needs v(all) >= the sum of v alone, but got {table[-1]:g} and "
            f"{alone.sum():g}. Use prenucleolus, which lets players get less than alone."
        )
    return _sequence(table, n, alone)


def prenucleolus(values: ArrayLike) -> NDArray[np.float64]:
    """Return the prenucleolus: among all ways to share v(all), shape (n,).

    It is the nucleolus wherever nobody is worse off than alone in it, as in superadditive games.

    Raises:
        ValueError: The table is none, or n is too large.
    """
    table, n = _checked(values)
    return _sequence(table, n, None)


def _checked(values: ArrayLike) -> tuple[Values, int]:
    table = check_values(values)
    n = num_players(table)
    if n > MAX_PLAYERS:
        raise ValueError(
            f"The nucleolus is computed for at most {MAX_PLAYERS} players, but got {n}. Use "
            f"least_core, or group the players into unions."
        )
    return table - table[0], n


def _sequence(table: Values, n: int, floor: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if n == 1:
        return table[1:].copy()
    scale = max(float(np.abs(table).max()), 1e-300)
    scaled = table / scale
    lowest = None if floor is None else floor / scale
    members = all_coalitions(n).astype(np.float64)
    free = np.arange(1, (1 << n) - 1)
    # Equations of the last solve, over x and one excess a round: x(S) + e_r = v(S), x(N) = v(N).
    fixed = [np.ones(n)]
    rounds = [-1]
    levels = [float(scaled[-1])]
    bounds_met: set[int] = set()
    allocation = np.empty(n)
    excesses: list[float] = []
    while np.linalg.matrix_rank(np.array(fixed), tol=1e-9) < n:
        rows = np.array(fixed)
        level = np.array(levels)
        level[1:] -= np.array(excesses)[np.array(rounds[1:], dtype=int)]
        solution = _program(scaled, members, free, (rows, level), lowest)
        allocation = np.asarray(solution.x[:n], dtype=np.float64)
        excesses.append(float(solution.x[n]))
        if lowest is not None:
            bounds_met |= set(np.flatnonzero(solution.lower.marginals[:n] > _TOLERANCE).tolist())
        duals = -np.asarray(solution.ineqlin.marginals)
        for coalition in free[np.argsort(-duals)][: int((duals > _TOLERANCE).sum())].tolist():
            fixed.append(members[coalition])
            rounds.append(len(excesses) - 1)
            levels.append(float(scaled[coalition]))
        # What the fixed coalitions determine can no longer change.
        basis = np.linalg.svd(np.array(fixed))[2][np.linalg.matrix_rank(np.array(fixed)) :]
        free = free[np.abs(members[free] @ basis.T).max(axis=1, initial=0.0) > 1e-9]
    system = np.zeros((len(fixed), n + len(excesses)))
    system[:, :n] = fixed
    for row, index in enumerate(rounds):
        if index >= 0:
            system[row, n + index] = 1.0
    right = np.array(levels)
    if lowest is not None and bounds_met:
        at_bound = np.array(sorted(bounds_met))
        system = np.vstack([system, np.eye(system.shape[1])[at_bound]])
        right = np.append(right, lowest[at_bound])
    return scale * _polished(system, right, allocation)


def _program(
    scaled: Values,
    members: NDArray[np.float64],
    free: NDArray[np.int64],
    fixed: tuple[NDArray[np.float64], NDArray[np.float64]],
    lowest: NDArray[np.float64] | None,
) -> scipy.optimize.OptimizeResult:
    n = members.shape[1]
    rows, level = _independent(*fixed)
    bounds = (
        [(None, None)] * (n + 1)
        if lowest is None
        else [*((float(low), None) for low in lowest), (None, None)]
    )
    solution = scipy.optimize.linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=-np.hstack([members[free], np.ones((len(free), 1))]),
        b_ub=-scaled[free],
        A_eq=np.hstack([rows, np.zeros((len(rows), 1))]),
        b_eq=level,
        bounds=bounds,
        method="highs-ds",
    )
    if solution.status != 0:
        raise RuntimeError(
            f"Each program of the nucleolus has a solution, but the solver reports: "
            f"{solution.message} Scale the values to a similar size."
        )
    return solution


def _independent(
    rows: NDArray[np.float64], level: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Leave out equations that follow from earlier ones: rounding would make them contradict."""
    kept: list[int] = []
    for index in range(len(rows)):
        if np.linalg.matrix_rank(rows[[*kept, index]], tol=1e-9) == len(kept) + 1:
            kept.append(index)
    return rows[kept], level[kept]


def _polished(
    system: NDArray[np.float64],  # (equations, n + rounds)
    right: NDArray[np.float64],  # (equations,)
    allocation: NDArray[np.float64],  # (n,), of the last program
) -> NDArray[np.float64]:
    """Solve the equations that the programs found, for x and the excesses together."""
    solution, _, rank, _ = np.linalg.lstsq(system, right, rcond=None)
    exact = np.asarray(solution[: len(allocation)], dtype=np.float64)
    agrees = rank == system.shape[1] and np.abs(exact - allocation).max() < 1e-5
    return exact if agrees else allocation
