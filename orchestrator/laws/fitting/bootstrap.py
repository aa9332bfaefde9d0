"""Bootstrap over runs (Efron 1979; BCa: Efron 1987): thousands of refits side by side.

The unit that is drawn is the cluster: all rows of one training curve are in or out together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.fitting.levenberg import minimise, minimise_smooth
from orchestrator.laws.fitting.losses import L1, Loss
from orchestrator.laws.fitting.problem import Problem, to_natural

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from orchestrator.laws.fitting.fit import Fit
    from orchestrator.laws.law import Array, Booleans, Integers, Law

_CHUNK = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Refits of one law to resampled clusters.

    Args:
        law: The law.
        theta: Natural parameters of the refits, (R, P).
        estimate: Natural parameters of the fit to all rows, (P,).
        jackknife: Natural parameters with each cluster left out, (G, P).
        failed: Refits that did not converge (they are part of `theta` all the same).
    """

    law: Law
    theta: Array
    estimate: Array
    jackknife: Array
    failed: int

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard deviations of the refitted parameters."""
        return dict(
            zip(self.law.parameter_names, map(float, self.theta.std(axis=0, ddof=1)), strict=True)
        )

    def percentile(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Percentile intervals of the parameters."""
        return self._by_name(percentile_interval(self.theta, level))

    def bca(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Bias-corrected and accelerated intervals of the parameters."""
        return self._by_name(bca_interval(self.theta, self.estimate, self.jackknife, level))

    def _by_name(self, ends: tuple[Array, Array]) -> dict[str, tuple[float, float]]:
        low, high = ends
        return {
            name: (float(low[j]), float(high[j])) for j, name in enumerate(self.law.parameter_names)
        }

    def interval_of(
        self,
        quantity: Callable[[Array], Array],  # (B, P) -> (B, ...)
        level: float = 0.95,
    ) -> tuple[Array, Array, Array]:
        """Estimate and BCa interval of any function of the parameters: (value, low, high)."""
        values, left_out = quantity(self.theta), quantity(self.jackknife)
        estimate = quantity(self.estimate[None])[0]
        low, high = bca_interval(values, estimate, left_out, level)
        return estimate, low, high


def percentile_interval(values: Array, level: float) -> tuple[Array, Array]:
    """Percentile interval along the first axis of (R, ...)."""
    tail = 0.5 * (1 - level)
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return low, high


def bca_interval(
    values: Array,  # (R, ...)
    estimate: Array,  # (...)
    jackknife: Array,  # (G, ...)
    level: float,
) -> tuple[Array, Array]:
    """BCa interval (Efron 1987, eqs. 3.9 and 7.3), along the first axis."""
    from scipy.special import ndtr, ndtri  # noqa: PLC0415 - heavy, loaded on use

    count = values.shape[0]
    below = ((values < estimate).sum(axis=0) + 0.5 * (values == estimate).sum(axis=0)) / count
    bias = ndtri(np.clip(below, 0.5 / count, 1 - 0.5 / count))
    away = jackknife.mean(axis=0) - jackknife
    square = np.sum(away**2, axis=0)
    acceleration = np.divide(
        np.sum(away**3, axis=0), 6 * square**1.5, out=np.zeros_like(square), where=square > 0
    )
    ends = []
    for tail in (0.5 * (1 - level), 0.5 * (1 + level)):
        shifted = bias + ndtri(tail)
        share = ndtr(bias + shifted / (1 - acceleration * shifted))
        ordered = np.sort(values, axis=0)
        place = np.clip(share * (count - 1), 0, count - 1)
        under = np.floor(place).astype(np.int64)
        over = np.minimum(under + 1, count - 1)
        first = np.take_along_axis(ordered, under[None], axis=0)[0]
        second = np.take_along_axis(ordered, over[None], axis=0)[0]
        ends.append(first + (place - under) * (second - first))
    return ends[0], ends[1]


def cluster_weights(
    clusters: NDArray[np.generic],  # (n,), any labels
    draws: Integers,  # (R, G), indices of the clusters drawn
) -> Array:
    """Turn drawn clusters into row weights, (R, n)."""
    _, inverse = np.unique(clusters, return_inverse=True)
    groups = int(inverse.max()) + 1
    counts = np.zeros((draws.shape[0], groups))
    for row, drawn in enumerate(draws):
        counts[row] = np.bincount(drawn, minlength=groups)
    return counts[:, inverse]


def refit(
    problem: Problem,
    start: Array,  # (P,) or (S, P), coordinates
    weights: Array,  # (R, n)
    loss: Loss,
) -> tuple[Array, int]:
    """Refit under each row of weights: natural parameters (R, P), number not converged."""
    origins = np.atleast_2d(start)
    results, failed = [], 0
    for first in range(0, weights.shape[0], _CHUNK):
        block = weights[first : first + _CHUNK]
        count = block.shape[0]
        best_z, best_value = np.tile(origins[0], (count, 1)), np.full(count, np.inf)
        fine: Booleans = np.zeros(count, dtype=bool)
        for origin in origins:
            begin = np.tile(origin, (count, 1))
            part = replace(problem, weights=block)
            if isinstance(loss, L1):
                found = minimise(part, begin, loss, max_iterations=60)
            else:
                found = minimise_smooth(
                    part, begin, loss, newton_after=3, max_iterations=80, tolerance=1e-9
                )
            better = found.objective < best_value
            best_z = np.where(better[:, None], found.z, best_z)
            fine = np.where(better, found.converged, fine)
            best_value = np.minimum(found.objective, best_value)
        results.append(to_natural(problem.law, best_z))
        failed += int((~fine).sum())
    return np.concatenate(results), failed


def bootstrap(
    fitted: Fit,
    *,
    resamples: int,
    rng: np.random.Generator,
    clusters: NDArray[np.generic] | None = None,  # (n,)
    draws: Integers | None = None,  # (R, G), to repeat a published bootstrap
) -> Bootstrap:
    """Refit to `resamples` draws of the clusters with replacement.

    Args:
        fitted: The fit to all rows; its optimum is the start of every refit.
        resamples: Number of refits.
        rng: Random generator.
        clusters: A label a row; rows of one label are drawn together. Each row alone where None.
        draws: The drawn clusters themselves, instead of `rng`.

    Raises:
        ValueError: Fewer clusters than parameters.
    """
    problem = fitted.problem
    count = problem.target.shape[-1]
    labels: NDArray[np.generic] = np.arange(count) if clusters is None else clusters
    groups = np.unique(labels).size
    if groups <= len(fitted.law.parameters):
        message = (
            f"A bootstrap needs more clusters than parameters ({len(fitted.law.parameters)}), "
            f"but got {groups}."
        )
        raise ValueError(message)
    if draws is None:
        draws = rng.integers(0, groups, size=(resamples, groups))
    base = problem.weights
    theta, failed = refit(problem, fitted.z, cluster_weights(labels, draws) * base, fitted.loss)
    left = 1.0 - (np.unique(labels)[:, None] == labels[None, :])
    jackknife, _ = refit(problem, fitted.z, left * base, fitted.loss)
    return Bootstrap(
        law=fitted.law, theta=theta, estimate=fitted.theta, jackknife=jackknife, failed=failed
    )
