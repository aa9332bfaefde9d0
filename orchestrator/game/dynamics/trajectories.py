"""Trajectories of populations, at chosen times (Dormand, Prince 1980 for the integrator)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.game.inputs import check_state

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.dynamics.fields import Velocity

_MAX_DEPARTURE = 1e-6


def trajectory(
    velocity: Velocity,
    start: ArrayLike,  # (n,), on the simplex; populations one after another
    times: ArrayLike,  # (t,), ascending from 0
    *,
    populations: tuple[int, ...] | None = None,
) -> NDArray[np.float64]:  # (t, n)
    """Return the states at the given times under a smooth dynamic.

    Args:
        velocity: Field, from `within_one_population` or `between_two_populations`.
        start: State at time 0.
        times: When states are wanted, in units in which payoff times time is a number.
        populations: Number of strategies of each population; one population by default.

    Raises:
        ValueError: The start is off the simplex, or times do not ascend from 0.
        RuntimeError: The integrator gave up, or left the simplex.
    """
    moments = np.asarray(times, dtype=np.float64)
    if moments.ndim != 1 or moments.size < 1 or moments[0] != 0 or (np.diff(moments) <= 0).any():
        raise ValueError(
            f"Times ascend from 0, but got {moments.tolist()[:4]}... "
            f"Use np.linspace(0, end, count)."
        )
    parts = populations or (np.size(start),)
    initial = _checked_parts(np.asarray(start, dtype=np.float64), parts)
    if moments.size == 1:
        return initial[None]
    solution = scipy.integrate.solve_ivp(
        lambda _, x: velocity(x),
        (0.0, float(moments[-1])),
        initial,
        method="DOP853",
        t_eval=moments,
        rtol=1e-10,
        atol=1e-13,
    )
    if solution.status != 0:
        raise RuntimeError(
            f"The trajectory must reach t={moments[-1]:g}, but the integrator says: "
            f"{solution.message} Discontinuous dynamics need best_response_path."
        )
    states: NDArray[np.float64] = solution.y.T
    sums = np.add.reduceat(states, np.cumsum((0, *parts))[:-1], axis=1)
    departure = max(float(-states.min()), float(np.abs(sums - 1).max()))
    if departure > _MAX_DEPARTURE:
        raise RuntimeError(
            f"Trajectories stay on the simplex within {_MAX_DEPARTURE:g}, but this one left it by "
            f"{departure:.1e}. Check that the velocity sums to zero and points inwards."
        )
    inside = np.maximum(states, 0.0)
    scale = np.repeat(np.add.reduceat(inside, np.cumsum((0, *parts))[:-1], axis=1), parts, axis=1)
    projected: NDArray[np.float64] = inside / scale
    return projected


def best_response_path(
    payoffs: ArrayLike,  # (n, n)
    start: ArrayLike,  # (n,), on the simplex
    *,
    step: float,
    steps: int,
) -> NDArray[np.float64]:  # (steps + 1, n)
    """Return a path of the best-response dynamic, whose velocity jumps where the reply changes.

    Between two jumps x(t) = b + (x(0) - b) e^-t is exact; only the moment of a jump is late by up
    to `step`, so that a mixed equilibrium is surrounded at a distance of that order.
    """
    matrix = np.asarray(payoffs, dtype=np.float64)
    path = np.empty((steps + 1, matrix.shape[0]))
    path[0] = check_state(start, matrix.shape[0], name="start")
    kept = np.exp(-step)
    for moment in range(steps):
        path[moment + 1] = kept * path[moment]
        path[moment + 1, int(np.argmax(matrix @ path[moment]))] += 1 - kept
    return path


def _checked_parts(start: NDArray[np.float64], parts: tuple[int, ...]) -> NDArray[np.float64]:
    if sum(parts) != start.size:
        raise ValueError(
            f"The start holds one share a strategy of each population, {sum(parts)} for {parts}, "
            f"but got {start.size}. Concatenate the populations' states."
        )
    pieces = np.split(start, np.cumsum(parts)[:-1])
    return np.concatenate(
        [check_state(piece, size, name="start") for piece, size in zip(pieces, parts, strict=True)]
    )
