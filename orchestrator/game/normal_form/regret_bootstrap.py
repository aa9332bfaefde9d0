"""Regret under payoffs that are measured with noise (Efron 1979 for the bootstrap).

In empirical games payoffs are means of repeated measurements; what looks like a profitable
deviation may be noise (Wiedenbeck, Cassell, Wellman 2014). Repetitions are resampled whole, so that
noise shared by all payoffs of a repetition (one evaluation batch) cancels as it should.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.inputs import check_state

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredRegret:
    """Regret of a strategy and how sure it is, in units of payoff."""

    regret: float
    """max_i (A y)_i - x'A y at the mean payoffs. A maximum of noisy means is biased upwards."""
    standard_error: float
    low: float
    high: float
    """Percentile interval of the bootstrap at the confidence asked for."""
    gains: NDArray[np.float64]  # (m,)
    """(A y)_i - x'A y for each strategy i."""
    gain_errors: NDArray[np.float64]  # (m,)
    """Standard errors of the gains over repetitions."""


def regret_with_bootstrap(
    payoff_samples: ArrayLike,  # (repetitions, m, n)
    own: ArrayLike,  # (m,), on the simplex
    other: ArrayLike,  # (n,), on the simplex
    *,
    rng: np.random.Generator,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> MeasuredRegret:
    """Return the regret of a mixed strategy with bootstrap error bars.

    Args:
        payoff_samples: Repeated measurements of one player's payoff matrix, own strategies first.
        own: Strategy whose regret is asked.
        other: Strategy of the opponent.
        rng: Source of the resamples.
        resamples: Number of bootstrap samples.
        confidence: Of the interval, between 0 and 1.

    Raises:
        ValueError: Fewer than 2 repetitions, payoffs that are not finite, a state off the simplex.
    """
    samples = np.asarray(payoff_samples, dtype=np.float64)
    if samples.ndim != 3 or samples.shape[0] < 2 or 0 in samples.shape:
        raise ValueError(
            f"A bootstrap needs payoffs of shape (repetitions >= 2, own, other), but got the shape "
            f"{samples.shape}. Measure each payoff on at least 2 batches."
        )
    if not np.isfinite(samples).all():
        raise ValueError(
            f"All payoffs must be finite, but got {int((~np.isfinite(samples)).sum())} that are "
            f"not. Leave out the repetitions that failed."
        )
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(
            f"`0 < confidence < 1` and `resamples >= 1` must hold, but got "
            f"confidence={confidence}, resamples={resamples}. 0.95 and 1000 are usual."
        )
    repetitions, m, n = samples.shape
    x, y = check_state(own, m, name="own"), check_state(other, n, name="other")
    of_actions = samples @ y
    gains = of_actions - (of_actions @ x)[:, None]  # (repetitions, m)
    weights = rng.multinomial(repetitions, np.full(repetitions, 1 / repetitions), size=resamples)
    resampled = np.maximum((weights @ gains / repetitions).max(axis=1), 0.0)
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    mean = gains.mean(axis=0)
    return MeasuredRegret(
        regret=max(float(mean.max()), 0.0),
        standard_error=float(resampled.std(ddof=1)) if resamples > 1 else 0.0,
        low=float(low),
        high=float(high),
        gains=mean,
        gain_errors=gains.std(axis=0, ddof=1) / np.sqrt(repetitions),
    )
