"""How equilibrium shares move with the size of the model (weighted least squares, Aitken 1935).

Each role's share is fitted as a + c log10(parameters). All roles have the same weights, so that the
fitted shares sum to one at every size. The scatter about the line is estimated from the fit, never
taken smaller than the shares' own errors say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from orchestrator.game.inputs import check_state

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharePrediction:
    """Shares to expect at one size."""

    shares: NDArray[np.float64]  # (n,), sums to 1
    low: NDArray[np.float64]  # (n,)
    high: NDArray[np.float64]  # (n,)
    """Prediction interval of each share: holds for a new equilibrium at that size."""
    is_on_simplex: bool
    """Whether all shares lie within 0..1: the line cannot be believed where they do not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShareTrend:
    """Shares as lines in log10(parameters)."""

    centre: float
    """Weighted mean of log10(parameters), from which the lines are reckoned."""
    intercepts: NDArray[np.float64]  # (n,), shares at the centre
    slopes: NDArray[np.float64]  # (n,), change of share for ten times the parameters, sums to 0
    slope_errors: NDArray[np.float64]  # (n,)
    scatter: NDArray[np.float64]  # (n,), of one share of mean weight about the line
    total_weight: float
    moment: float
    """Weighted sum of squared distances of log10(parameters) from the centre."""
    sizes: int

    def predict(self, parameters: float, *, confidence: float = 0.95) -> SharePrediction:
        """Return the shares to expect at a number of parameters, with Student's intervals.

        Raises:
            ValueError: The number or the confidence is out of its range.
        """
        if not (0 < parameters < np.inf and 0 < confidence < 1):
            raise ValueError(
                f"`0 < parameters < inf` and `0 < confidence < 1` must hold, but got "
                f"parameters={parameters}, confidence={confidence}. Give a count such as 1e9."
            )
        distance = float(np.log10(parameters)) - self.centre
        shares = self.intercepts + self.slopes * distance
        mean_weight = self.total_weight / self.sizes
        leverage = mean_weight * (1 / self.total_weight + distance**2 / self.moment)
        quantile = float(stats.t.isf((1 - confidence) / 2, self.sizes - 2))
        width = quantile * self.scatter * np.sqrt(1 + leverage)
        return SharePrediction(
            shares=shares,
            low=shares - width,
            high=shares + width,
            is_on_simplex=bool((shares >= 0).all() and (shares <= 1).all()),
        )


def share_trend(
    parameters: ArrayLike,  # (sizes,), counts
    shares: ArrayLike,  # (sizes, n), each on the simplex
    standard_errors: ArrayLike,  # (sizes, n), above 0
) -> ShareTrend:
    """Fit equilibrium shares against the logarithm of model size.

    Args:
        parameters: Number of parameters of each model.
        shares: Equilibrium shares of the roles at each size.
        standard_errors: Their standard errors.

    Raises:
        ValueError: Fewer than 3 different sizes, shapes that do not match, shares off the simplex,
            or errors that are not positive.
    """
    counts = np.asarray(parameters, dtype=np.float64)
    table, errors = np.asarray(shares, np.float64), np.asarray(standard_errors, np.float64)
    if table.ndim != 2 or errors.shape != table.shape or counts.shape != table.shape[:1]:
        raise ValueError(
            f"Each size has a count of parameters, shares and their errors, but got the shapes "
            f"{counts.shape}, {table.shape} and {errors.shape}. Order all by size."
        )
    if not (np.isfinite(counts).all() and counts.min() > 0) or len(np.unique(counts)) < 3:
        raise ValueError(
            f"A trend needs at least 3 different sizes above 0, but got {counts.tolist()}. Find "
            f"the equilibrium at more sizes."
        )
    if not (np.isfinite(errors).all() and errors.min() > 0):
        raise ValueError(
            "Standard errors must be finite and above 0, but got others. Use those of "
            "uncertain_equilibrium."
        )
    n = table.shape[1]
    y = np.stack([check_state(row, n, name=f"shares[{i}]") for i, row in enumerate(table)])
    weights = 1 / np.mean(errors**2, axis=1)
    logs = np.log10(counts)
    total = float(weights.sum())
    centre = float(weights @ logs) / total
    distance = logs - centre
    moment = float(weights @ distance**2)
    intercepts, slopes = weights @ y / total, (weights * distance) @ y / moment
    residuals = y - intercepts - distance[:, None] * slopes
    freedom = len(counts) - 2
    seen = weights @ residuals**2 / freedom  # 1 on average if errors are right
    own = weights @ errors**2 / len(counts)
    dispersion = np.maximum(seen, own)
    return ShareTrend(
        centre=centre,
        intercepts=intercepts,
        slopes=slopes,
        slope_errors=np.sqrt(dispersion / moment),
        scatter=np.sqrt(dispersion * len(counts) / total),
        total_weight=total,
        moment=moment,
        sizes=len(counts),
    )
