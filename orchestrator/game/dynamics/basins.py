"""Shares of the simplex that end in each sink of the replicator dynamic, by sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.game.dynamics.rest_points import rest_points
from orchestrator.game.inputs import check_square, scale_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_ARRIVED = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basins:
    """Where uniformly drawn starting points end."""

    sinks: NDArray[np.float64]  # (k, n), on the simplex
    shares: NDArray[np.float64]  # (k,)
    standard_errors: NDArray[np.float64]  # (k,), binomial
    elsewhere: float
    """Share that reached no sink in time: cycles, chaos, slow motion near a saddle."""


def basins(
    payoffs: ArrayLike,  # (n, n)
    *,
    rng: np.random.Generator,
    samples: int = 1000,
    time: float = 200.0,
    step: float = 0.1,
) -> Basins:
    """Sample starting points uniformly and follow the replicator dynamic to its sinks.

    Args:
        payoffs: Payoff matrix, (n, n), n up to 14.
        rng: Source of the starting points.
        samples: Number of starting points.
        time: How long to follow, in units of 1 / (range of payoffs).
        step: Step of the fourth-order integrator, in the same unit.

    Raises:
        ValueError: The payoffs are not square or finite, or a number is not positive.
    """
    a = check_square(payoffs)
    if samples < 1 or not time > 0 or not step > 0:
        raise ValueError(
            f"`samples >= 1`, `time > 0` and `step > 0` must hold, but got samples={samples}, "
            f"time={time}, step={step}. 1000, 200 and 0.1 are the defaults."
        )
    n = a.shape[0]
    states = [point.state for point in rest_points(a) if point.stability == "sink"]
    sinks = np.array(states).reshape(len(states), n)
    matrix = a.T / scale_of(a)
    # In log shares up to a constant the replicator is y' = A softmax(y): it stays on the simplex.
    y = np.log(rng.dirichlet(np.ones(n), size=samples))
    ends = np.full(samples, -1)
    moving = np.arange(samples)
    for _ in range(int(np.ceil(time / step)) if len(sinks) else 0):
        y = _runge_kutta(y, matrix, step)
        x = scipy.special.softmax(y, axis=1)
        distances = np.abs(x[:, None, :] - sinks[None, :, :]).max(axis=2)
        nearest = distances.argmin(axis=1)
        arrived = distances[np.arange(len(x)), nearest] < _ARRIVED
        ends[moving[arrived]] = nearest[arrived]
        moving, y = moving[~arrived], y[~arrived]
        if moving.size == 0:
            break
    shares = np.array([float(np.mean(ends == k)) for k in range(len(sinks))])
    return Basins(
        sinks=sinks,
        shares=shares,
        standard_errors=np.sqrt(shares * (1 - shares) / samples),
        elsewhere=float(np.mean(ends == -1)),
    )


def _runge_kutta(
    y: NDArray[np.float64], matrix: NDArray[np.float64], step: float
) -> NDArray[np.float64]:
    k1 = scipy.special.softmax(y, axis=1) @ matrix
    k2 = scipy.special.softmax(y + step / 2 * k1, axis=1) @ matrix
    k3 = scipy.special.softmax(y + step / 2 * k2, axis=1) @ matrix
    k4 = scipy.special.softmax(y + step * k3, axis=1) @ matrix
    moved: NDArray[np.float64] = y + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    moved -= moved.max(axis=1, keepdims=True)
    return moved
