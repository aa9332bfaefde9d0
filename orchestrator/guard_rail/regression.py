"""Do statistics of the game predict what becomes of a loss? Ridge regression (Hoerl, Kennard 1970).

They enter only while they do: R^2 is taken on lineages that the fit has not seen, one left out at a
time, and its lower confidence bound, by a bootstrap over lineages (Efron 1979), must be above 0.
Otherwise the correction is 0, and the fitness is the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.guard_rail.features import FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.guard_rail.lineages import LineageSample

LEAST_LINEAGES = 2 * len(FEATURES)
"""Finished lineages below which nothing is claimed."""
PENALTY = 4.0
"""Ridge penalty on standardised features, in samples."""
RESAMPLES = 400
LEVEL = 0.05
"""One-sided: the share of resamples whose R^2 may be 0 or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What the guard rail adds to a member's loss, and why it does or does not."""

    nats: float
    reason: str


NO_GUARD_RAIL = Correction(nats=0.0, reason="")
"""Where it was not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GuardRail:
    """A fitted prediction of residuals, or the reason why there is none."""

    reason: str
    """In words, for the log."""
    weights: NDArray[np.float64] | None = None  # (f,), nats per unit of a feature
    """None: it does not enter."""
    centre: NDArray[np.float64] | None = None  # (f,)
    low: NDArray[np.float64] | None = None  # (f,), range of the features that were fitted
    high: NDArray[np.float64] | None = None  # (f,)

    def correct(self, features: tuple[float, ...] | None) -> Correction:
        """Return the predicted residual of a member, centred; features are kept in range."""
        if self.weights is None:
            return Correction(nats=0.0, reason=self.reason)
        if features is None:
            return Correction(nats=0.0, reason="the loss: its utilities were not measured")
        assert self.centre is not None
        within = np.clip(features, self.low, self.high)  # never extrapolate
        return Correction(nats=float((within - self.centre) @ self.weights), reason=self.reason)


def fit_guard_rail(samples: Sequence[LineageSample], rng: np.random.Generator) -> GuardRail:
    """Fit the prediction, and decide whether it enters.

    Args:
        samples: Of finished lineages.
        rng: Source of the bootstrap's draws.
    """
    lineages = sorted({sample.lineage for sample in samples})
    if len(lineages) < LEAST_LINEAGES:
        return GuardRail(
            reason=f"the loss: {len(lineages)} finished lineages, fewer than {LEAST_LINEAGES}"
        )
    x = np.array([sample.features for sample in samples])
    y = np.array([sample.residual for sample in samples])
    group = np.searchsorted(lineages, [sample.lineage for sample in samples])
    errors, spreads = left_out(x, y, group)
    if not spreads.sum() > 0:
        return GuardRail(reason="the loss: finished lineages do not differ")
    squared = 1.0 - errors.sum() / spreads.sum()
    draws = rng.integers(len(lineages), size=(RESAMPLES, len(lineages)))
    totals = np.maximum(spreads[draws].sum(axis=1), 1e-300)
    bound = float(np.quantile(1.0 - errors[draws].sum(axis=1) / totals, LEVEL))
    told = f"R^2 {squared:.3g} on lineages left out, at least {bound:.3g} of {len(lineages)}"
    if not bound > 0:
        return GuardRail(reason=f"the loss: {told}")
    weights, centre, _ = ridge(x, y)
    return GuardRail(
        reason=f"corrected: {told}",
        weights=weights,
        centre=centre,
        low=x.min(axis=0),
        high=x.max(axis=0),
    )


def left_out(
    x: NDArray[np.float64],  # (n, f)
    y: NDArray[np.float64],  # (n,)
    group: NDArray[np.int64],  # (n,), from 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # (groups,) each
    """Return each group's sum of squared errors, predicted without it: by the fit, by the mean."""
    count = int(group.max()) + 1
    errors, spreads = np.empty(count), np.empty(count)
    for out in range(count):
        mine = group == out
        weights, centre, mean = ridge(x[~mine], y[~mine])
        predicted = mean + (x[mine] - centre) @ weights
        errors[out] = np.square(y[mine] - predicted).sum()
        spreads[out] = np.square(y[mine] - mean).sum()
    return errors, spreads


def ridge(
    x: NDArray[np.float64],  # (n, f)
    y: NDArray[np.float64],  # (n,)
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:  # (f,), (f,), scalar
    """Return the weights, the centre of the features and the mean of y, which is not penalised."""
    centre, mean = x.mean(axis=0), float(y.mean())
    spread = x.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    z = (x - centre) / scale
    weights = np.linalg.solve(z.T @ z + PENALTY * np.eye(z.shape[1]), z.T @ (y - mean))
    return weights / scale, centre, mean
