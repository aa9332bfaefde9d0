"""Evolutionarily stable states (Maynard Smith, Price 1973), decided exactly (Haigh 1975).

x is an ESS iff (1) it is a symmetric equilibrium (KKT: no strategy earns more than x'A x) and
(2) z'A z < 0 for every z != 0 with sum z = 0 and z_j >= 0 on the best replies j outside the support
(others 0). With k in the support, (2) says that a matrix C is strictly copositive, after the shares
of the rest of the support, which are free in sign, are eliminated by a Schur complement:

    c_ij = a_kj + a_ik - a_ij - a_kk, symmetrised     (Haigh 1975; Bomze 1992, theorem 12)
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.dynamics.rest_points import rest_points
from orchestrator.game.inputs import check_square, check_state, scale_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAX_COPOSITIVE = 16
_TOLERANCE = 1e-9


def is_evolutionarily_stable(
    payoffs: ArrayLike,  # (n, n)
    state: ArrayLike,  # (n,), on the simplex
) -> bool:
    """Return whether a state is an ESS of the game x'A y within one population.

    For a partnership game (A symmetric) that is a strict local maximum of x'A x.

    Args:
        payoffs: Payoff matrix; b + A x is A + b[:, None].
        state: The state; shares up to 1e-9 count as absent.

    Raises:
        ValueError: Payoffs or state are not what they should be, or more than 16 best replies lie
            outside the support.
    """
    a = check_square(payoffs)
    x = check_state(state, a.shape[0])
    scaled = a / scale_of(a)
    f = scaled @ x
    level = float(x @ f)
    present = x > _TOLERANCE
    if f.max() > level + _TOLERANCE or np.abs(f[present] - level).max() > _TOLERANCE:
        return False
    support = np.flatnonzero(present)
    others = np.flatnonzero(~present & (f >= level - _TOLERANCE))
    k, free = support[0], support[1:]
    order = np.concatenate([free, others])
    c = (
        scaled[k][None, order]
        + scaled[order, k][:, None]
        - scaled[np.ix_(order, order)]
        - scaled[k, k]
    )
    c = (c + c.T) / 2
    d = len(free)
    if d and np.linalg.eigvalsh(c[:d, :d])[0] <= _TOLERANCE:
        return False
    reduced = c[d:, d:]
    if d:
        reduced = reduced - c[d:, :d] @ np.linalg.solve(c[:d, :d], c[:d, d:])
    return is_strictly_copositive(reduced)


def is_strictly_copositive(matrix: NDArray[np.float64]) -> bool:
    """Return whether z'M z > 0 for every z >= 0 but 0, for a symmetric matrix of up to 16 rows.

    No principal submatrix may have an eigenvector with positive entries to an eigenvalue that is
    not positive (Kaplan 2000, theorem 2).

    Raises:
        ValueError: The matrix is too large for 2^n submatrices.
    """
    n = matrix.shape[0]
    if n > MAX_COPOSITIVE:
        raise ValueError(
            f"Copositivity is decided for at most {MAX_COPOSITIVE} rows (2^n submatrices), but got "
            f"{n}. Drop dominated strategies or break ties first."
        )
    scale = float(np.abs(matrix).max(initial=0.0))
    if n and scale == 0:
        return False
    for size in range(1, n + 1):
        for rows in combinations(range(n), size):
            values, vectors = np.linalg.eigh(matrix[np.ix_(rows, rows)])
            for value, vector in zip(values, vectors.T, strict=True):
                if value > _TOLERANCE * scale:
                    break
                if (vector > 0).all() or (vector < 0).all():
                    return False
    return True


def evolutionarily_stable_states(payoffs: ArrayLike) -> NDArray[np.float64]:
    """Return all ESSs, (k, n), smallest supports first; there can be none.

    Warns:
        DegenerateGameWarning: Some rest points form continua. These hold no ESS (an ESS is
            isolated), so that the answer is complete all the same.
    """
    a = check_square(payoffs)
    states = [
        point.state
        for point in rest_points(a)
        if point.is_equilibrium and is_evolutionarily_stable(a, point.state)
    ]
    return np.array(states).reshape(len(states), a.shape[0])
