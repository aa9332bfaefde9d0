"""Power law of the member's own curve, L = E + A t^-alpha, averaged over alpha.

The exponent of a short curve is hardly determined; choosing one value makes wild forecasts. So all
values of a grid take part with the weight of their likelihood (Bayesian model averaging: Hoeting
et al. 1999), and what they disagree about is part of the standard error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.horizon.history import Estimate, History, check_horizon, serial_factor
from orchestrator.laws.horizon.present import present

if TYPE_CHECKING:
    from orchestrator.laws.law import Array

_EXPONENTS = np.geomspace(0.03, 1.5, 150)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """Each member's own curve, beyond the first `skip` share of it (warm-up)."""

    skip: float = 0.1
    least_points: int = 6

    def estimate(self, histories: tuple[History, ...], *, horizon: float) -> tuple[Estimate, ...]:
        """Extrapolate each history; too short or rising ones keep their present loss."""
        check_horizon(histories, horizon)
        estimates = tuple(self._one(history, horizon) for history in histories)
        widen = self._backtest(histories)
        return tuple(
            replace(e, standard_error=e.standard_error * widen) if e.method == "power law" else e
            for e in estimates
        )

    def _backtest(self, histories: tuple[History, ...]) -> float:
        """Ratio of real to claimed error when the last 40 % of what is known is forecast, >= 1."""
        ratios = []
        for history in histories:
            known = history.tokens <= 0.6 * history.tokens[-1]
            if known.sum() < self.least_points:
                continue
            past = replace(history, tokens=history.tokens[known], losses=history.losses[known])
            guess = self._one(past, float(history.tokens[-1]))
            if guess.method == "power law" and guess.standard_error > 0:
                truth = float(history.losses[-3:].mean())
                ratios.append((guess.loss - truth) / guess.standard_error)
        return max(1.0, float(np.sqrt(np.mean(np.square(ratios))))) if ratios else 2.0

    def _one(self, history: History, horizon: float) -> Estimate:
        late = history.tokens >= self.skip * history.tokens[-1]
        t, y = history.tokens[late] / horizon, history.losses[late]
        if t.size < self.least_points:
            return present(history)
        value, variance, square, usable = forecasts(t, y)
        if not usable.any():
            return present(history)
        residual_variance = square.min() / max(t.size - 3, 1)
        effective = t.size / serial_factor(_residual(t, y, float(_EXPONENTS[np.argmin(square)])))
        score = -0.5 * effective * np.log(square / square.min())
        weight = np.where(usable, np.exp(score), 0.0)
        weight /= weight.sum()
        mean = float(weight @ value)
        spread = float(weight @ (variance * residual_variance * t.size / effective))
        between = float(weight @ (value - mean) ** 2)
        return Estimate(
            loss=mean, standard_error=float(np.sqrt(spread + between)), method="power law"
        )


def forecasts(t: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """Fit E and A for every exponent and predict at t = 1.

    Returns:
        Value, variance in units of the residual variance, sum of squares, and whether A > 0 and
        E >= 0, each (exponents,).
    """
    shape = t[None, :] ** -_EXPONENTS[:, None]
    mean, centre = shape.mean(axis=1), y.mean()
    moved = shape - mean[:, None]
    norm = (moved**2).sum(axis=1)
    a = moved @ (y - centre) / norm
    floor = centre - a * mean
    square = ((y - floor[:, None] - a[:, None] * shape) ** 2).sum(axis=1) + 1e-30
    value = floor + a
    variance = 1.0 / t.size + (1.0 - mean) ** 2 / norm
    return value, variance, square, (a > 0) & (floor >= 0)


def _residual(t: Array, y: Array, exponent: float) -> Array:
    basis = np.stack([np.ones_like(t), t**-exponent], axis=1)
    return np.asarray(y - basis @ np.linalg.lstsq(basis, y, rcond=None)[0])
