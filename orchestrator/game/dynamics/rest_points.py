"""Rest points of the replicator dynamic and their stability (Hofbauer, Sigmund 1998, section 7).

For each support the shares at which its strategies earn the same; stability from the eigenvalues of
the Jacobian on the tangent space {z: sum z = 0}.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.game.inputs import DegenerateGameWarning, check_square, check_state, scale_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.dynamics.fields import Velocity

    Stability = Literal["sink", "source", "saddle", "undetermined"]

MAX_STRATEGIES = 14
_TOLERANCE = 1e-9
_SINGULAR = 1e12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RestPoint:
    """A state at which the replicator dynamic rests."""

    state: NDArray[np.float64]  # (n,), on the simplex
    eigenvalues: NDArray[np.complex128]  # (n - 1,), of the Jacobian on the tangent space
    stability: Stability
    """`undetermined`: an eigenvalue has no real part (a centre, a line of rest points, a tie)."""
    is_equilibrium: bool
    """Whether no absent strategy would earn more: a symmetric Nash equilibrium."""


def rest_points(payoffs: ArrayLike) -> tuple[RestPoint, ...]:
    """Return all isolated rest points of the replicator dynamic, smallest supports first.

    Args:
        payoffs: Payoff matrix, (n, n), n up to 14; b + A x is A + b[:, None].

    Raises:
        ValueError: The payoffs are not square or finite, or n is too large for 2^n supports.

    Warns:
        DegenerateGameWarning: A support has a continuum of rest points; those are left out.
    """
    a = check_square(payoffs)
    n = a.shape[0]
    if n > MAX_STRATEGIES:
        raise ValueError(
            f"All supports are tried for at most {MAX_STRATEGIES} strategies, but got {n}. Follow "
            f"trajectories instead, or use support_enumeration for the equilibria."
        )
    scaled = a / scale_of(a)
    found = []
    continua = 0
    for size in range(1, n + 1):
        for support in combinations(range(n), size):
            system = scaled[np.ix_(support, support)]
            system -= system[:1]
            system[0] = 1.0
            if np.linalg.cond(system) > _SINGULAR:
                continua += _has_interior_solution(system)
                continue
            shares = np.linalg.solve(system, np.eye(size)[0])
            if shares.min() > _TOLERANCE:
                state = np.zeros(n)
                state[list(support)] = shares
                found.append(_classified(scaled, a, state))
    if continua:
        warnings.warn(
            f"{continua} of {2**n - 1} supports hold a continuum of rest points (ties). "
            f"Only isolated rest points are returned.",
            DegenerateGameWarning,
            stacklevel=2,
        )
    return tuple(found)


def replicator_jacobian(
    payoffs: ArrayLike,  # (n, n)
    state: ArrayLike,  # (n,), on the simplex
) -> NDArray[np.float64]:  # (n, n)
    """Return the Jacobian of the replicator dynamic at a state.

    J_ij = [i = j] (f_i - f_mean) + x_i (a_ij - f_j - (A'x)_j)
    """
    a = check_square(payoffs)
    x = check_state(state, a.shape[0])
    f = a @ x
    jacobian: NDArray[np.float64] = np.diag(f - x @ f) + x[:, None] * (a - f - a.T @ x)
    return jacobian


def numeric_jacobian(
    velocity: Velocity,
    state: ArrayLike,  # (n,)
    *,
    step: float = 1e-6,
) -> NDArray[np.float64]:  # (n, n)
    """Return the Jacobian of any smooth field by central differences, exact to about step^2."""
    x = np.asarray(state, dtype=np.float64)
    offsets = step * np.eye(x.size)
    columns = [(velocity(x + offset) - velocity(x - offset)) / (2 * step) for offset in offsets]
    return np.stack(columns, axis=1)


def tangent_eigenvalues(
    jacobian: NDArray[np.float64],  # (n, n)
) -> NDArray[np.complex128]:  # (n - 1,)
    """Return the eigenvalues on the tangent space {z: sum z = 0}, largest real part first."""
    n = jacobian.shape[0]
    if n == 1:
        return np.empty(0, dtype=np.complex128)
    basis = scipy.linalg.null_space(np.ones((1, n)))
    eigenvalues = np.linalg.eigvals(basis.T @ jacobian @ basis).astype(np.complex128)
    return eigenvalues[np.argsort(-eigenvalues.real, kind="stable")]


def stability_of(
    eigenvalues: NDArray[np.complex128],  # (k,)
    *,
    scale: float = 1.0,
) -> Stability:
    """Return what the real parts say, those below 1e-9 times the scale of payoffs counting as 0."""
    real = eigenvalues.real
    if (np.abs(real) <= _TOLERANCE * scale).any():
        return "undetermined"
    if (real < 0).all():
        return "sink"
    return "source" if (real > 0).all() else "saddle"


def rest_point_near(
    velocity: Velocity,
    start: ArrayLike,  # (n,), on the simplex
) -> NDArray[np.float64]:  # (n,)
    """Return a rest point of any smooth dynamic in one population, by Powell's hybrid method.

    Raises:
        ValueError: The start is off the simplex.
        RuntimeError: None is found from there.
    """
    x = check_state(start, np.size(start), name="start")
    basis = scipy.linalg.null_space(np.ones((1, x.size)))
    found = scipy.optimize.root(
        lambda z: basis.T @ velocity(x + basis @ z), np.zeros(x.size - 1), tol=1e-13
    )
    state = x + basis @ found.x
    speed = float(np.abs(velocity(state)).max())
    if speed > 1e-8 or state.min() < -_TOLERANCE:
        raise RuntimeError(
            f"A rest point on the simplex must be found, but the search ended at speed {speed:.1e} "
            f"and smallest share {state.min():.1e}. Start nearer, for example from a trajectory."
        )
    inside = np.maximum(state, 0.0)
    scaled: NDArray[np.float64] = inside / inside.sum()
    return scaled


def _has_interior_solution(system: NDArray[np.float64]) -> bool:
    """Return whether a singular system has a solution with all shares positive."""
    size = system.shape[0]
    # Maximise t subject to system y = (1, 0, ..., 0), y >= t.
    solution = scipy.optimize.linprog(
        np.append(np.zeros(size), -1.0),
        A_ub=np.hstack([-np.eye(size), np.ones((size, 1))]),
        b_ub=np.zeros(size),
        A_eq=np.hstack([system, np.zeros((size, 1))]),
        b_eq=np.eye(size)[0],
        bounds=[(0, None)] * (size + 1),
        method="highs-ds",
    )
    return bool(solution.status == 0 and -solution.fun > _TOLERANCE)


def _classified(
    scaled: NDArray[np.float64], payoffs: NDArray[np.float64], state: NDArray[np.float64]
) -> RestPoint:
    f = scaled @ state
    eigenvalues = tangent_eigenvalues(replicator_jacobian(payoffs, state))
    return RestPoint(
        state=state,
        eigenvalues=eigenvalues,
        stability=stability_of(eigenvalues, scale=scale_of(payoffs)),
        is_equilibrium=bool(f.max() <= state @ f + _TOLERANCE),
    )
