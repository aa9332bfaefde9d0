"""The equilibrium of largest entropy in a zero-sum game (Ortiz, Schapire, Kakade 2007).

Optimal strategies of a zero-sum game form a polytope; the point of largest entropy on it is unique,
treats equal strategies equally, and is what Nash averaging uses (Balduzzi et al. 2018,
arXiv:1806.02643, proposition 4). With E the strategies that some optimal strategy plays,

    x_i proportional to exp((A l)_i) on E,    l >= 0 minimises  log sum_E exp((A l)_i) - v sum_j l_j

(Lagrange dual of: maximise -sum x log x subject to A'x >= v, sum x = 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.game.inputs import check_payoffs, scale_of
from orchestrator.game.normal_form.equilibrium import Equilibrium, regrets
from orchestrator.game.normal_form.zero_sum import solve_zero_sum

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_ON_CONSTRAINT = 1e-9
_NEWTON_STEPS = 200


def max_entropy_equilibrium(
    payoffs: ArrayLike,  # (m, n)
) -> tuple[Equilibrium, float]:
    """Return the optimal strategies of largest entropy, and the value of the game.

    Args:
        payoffs: Payoffs of the row player, paid by the column player.

    Raises:
        ValueError: The payoffs are no finite matrix.
    """
    a = check_payoffs(payoffs)
    scaled = (a - a.mean()) / scale_of(a)
    vertex, value = solve_zero_sum(scaled)
    row = _most_even(scaled, value, vertex.row)
    column = _most_even(-scaled.T, -value, vertex.column)
    regret = max(regrets(a, -a, row, column))
    return Equilibrium(row=row, column=column, regret=regret), float(row @ a @ column)


def _most_even(
    scaled: NDArray[np.float64],  # (m, n)
    value: float,
    optimal: NDArray[np.float64],  # (m,), any optimal strategy
) -> NDArray[np.float64]:
    """Return the optimal row strategy of largest entropy, shape (m,)."""
    played, tight = _relative_interior(scaled, value, optimal)
    advantage = (scaled - value)[played]  # x @ advantage >= 0, and = 0 on tight columns
    determining = np.hstack([advantage[:, tight], np.ones((len(played), 1))])
    if np.linalg.matrix_rank(determining, tol=_ON_CONSTRAINT) == len(played):
        return optimal  # there is no other

    def dual(multipliers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        exponents = advantage @ multipliers
        return float(scipy.special.logsumexp(exponents)), scipy.special.softmax(
            exponents
        ) @ advantage

    bounds = [(None, None) if is_tight else (0.0, None) for is_tight in tight]
    start = np.zeros(scaled.shape[1])
    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 30}
    found = scipy.optimize.minimize(
        dual, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    floor = min(float((optimal @ (scaled - value)).min()), 0.0)
    multipliers = np.asarray(found.x)
    for _ in range(scaled.shape[1]):
        multipliers = _newton(advantage, multipliers, tight)
        strategy = np.zeros(scaled.shape[0])
        strategy[played] = scipy.special.softmax(advantage @ multipliers)
        missed = -float((strategy @ (scaled - value)).min())
        if missed <= 1e-7 - floor:
            return strategy
        multipliers = _released(advantage, multipliers, tight)
    raise RuntimeError(
        f"The strategy of largest entropy must be optimal, but the value {value:g} is missed by "
        f"{missed:.1e}. Use solve_zero_sum instead."
    )


def _newton(
    advantage: NDArray[np.float64],  # (k, n)
    multipliers: NDArray[np.float64],  # (n,)
    tight: NDArray[np.bool_],  # (n,)
) -> NDArray[np.float64]:
    """Bring the active constraints from 1e-6 to rounding error: Newton's method on the dual."""
    best, best_error = multipliers, np.inf
    for _ in range(_NEWTON_STEPS):
        gained, hessian, active = _model(advantage, multipliers, tight)
        error = float(np.abs(gained[active]).max(initial=0.0))
        if error < best_error:
            best, best_error = multipliers, error
        if error < 1e-15:
            break
        step = np.zeros_like(multipliers)
        step[active] = np.linalg.lstsq(hessian, gained[active], rcond=1e-12)[0]
        height = float(scipy.special.logsumexp(advantage @ multipliers))
        for halvings in range(40):  # far from the solution a whole step may climb
            moved = multipliers - step / 2**halvings
            moved = np.where(tight, moved, np.maximum(moved, 0.0))
            if float(scipy.special.logsumexp(advantage @ moved)) <= height + 1e-16 * abs(height):
                break
        multipliers = moved
    return best


def _released(
    advantage: NDArray[np.float64],  # (k, n)
    multipliers: NDArray[np.float64],  # (n,)
    tight: NDArray[np.bool_],  # (n,)
) -> NDArray[np.float64]:
    """Take a slack constraint's weight away, where the dual falls all along a straight line.

    Such a line leaves the strategy as it is, and no step of Newton's method goes along it. It ends
    where the first weight that must not be negative is 0.
    """
    gained, hessian, active = _model(advantage, multipliers, tight)
    step = np.linalg.lstsq(hessian, gained[active], rcond=1e-12)[0]
    line = np.zeros_like(multipliers)
    line[active] = gained[active] - hessian @ step
    ending = np.flatnonzero(~tight & (line > 0) & (multipliers > 0))
    if not ending.size:
        return multipliers
    lengths = multipliers[ending] / line[ending]
    moved = multipliers - lengths.min() * line
    moved[ending[lengths.argmin()]] = 0.0
    bounded: NDArray[np.float64] = np.where(tight, moved, np.maximum(moved, 0.0))
    return bounded


def _model(
    advantage: NDArray[np.float64],  # (k, n)
    multipliers: NDArray[np.float64],  # (n,)
    tight: NDArray[np.bool_],  # (n,)
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the dual's slope, its curvature along the active constraints, and which these are."""
    strategy = scipy.special.softmax(advantage @ multipliers)
    gained = strategy @ advantage
    active = tight | (multipliers > _ON_CONSTRAINT) | (gained < -_ON_CONSTRAINT)
    hessian = (advantage * strategy[:, None]).T @ advantage - np.outer(gained, gained)
    return gained, hessian[np.ix_(active, active)], active


def _relative_interior(
    scaled: NDArray[np.float64], value: float, optimal: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the rows that some optimal strategy plays, and the columns on which all are tight.

    One program finds both: among the cone over the optimal strategies, as many coordinates and
    slacks as can be are raised to 1 (Freund, Roundy, Todd 1985).
    """
    m, n = scaled.shape
    # Unknowns: x (m, in the cone), t (m + n, within 0..1). x_i >= t_i, (x(A - v))_j >= t_{m+j}.
    lowest = min(float((optimal @ (scaled - value)).min()), 0.0)
    slacks = np.vstack([np.eye(m), (scaled - value - lowest).T])
    solution = scipy.optimize.linprog(
        np.append(np.zeros(m), -np.ones(m + n)),
        A_ub=np.hstack([-slacks, np.eye(m + n)]),
        b_ub=np.zeros(m + n),
        bounds=[(0, 1e7)] * m + [(0, 1)] * (m + n),
        method="highs-ds",
    )
    raised = solution.x[m:] > 0.5
    return np.flatnonzero(raised[:m]), ~raised[m:]
