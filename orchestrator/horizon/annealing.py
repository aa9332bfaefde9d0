"""Annealing-corrected forecast: one annealing law for all members (Tissue et al. 2024).

L_i(t) = o_i + A_i S1_i(t)^-alpha - C S2_i(t), arXiv:2408.11029 eq. 1, with alpha, the memory of the
annealing area and C shared by all members, and an offset o_i (and, softly, an amplitude) each.
What a member will lose by annealing to the end of its schedule is then part of its forecast: a
member that is still at its peak learning rate is not judged by its present loss, and one that has
only lowered its learning rate early gains nothing by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.horizon.backtest import widening
from orchestrator.horizon.estimate import History, HorizonEstimate, present, present_loss
from orchestrator.horizon.joint_fit import Prior, forecast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.horizon.joint_fit import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Annealing:
    """All members' histories together; the whole population falls back, or nobody.

    A population is only ranked fairly by one estimator, so that a member with a single point takes
    part with its offset alone.
    """

    skip_share: float = 0.03
    """Share of the budget at the start that is left out: warm-up and its transient."""
    amplitude_spread: float = 0.3
    """Prior standard deviation of a member's amplitude relative to the shared one; 0: one shape
    for all."""
    annealing_gain: float = 0.3
    """Prior mean of what annealing from the peak to zero gains, in units of the shared amplitude;
    it speaks while no member has annealed yet."""
    annealing_gain_spread: float = 0.2
    """Prior standard deviation of that gain."""

    def __post_init__(self) -> None:
        if not 0 <= self.skip_share < 1:
            raise ValueError(
                f"`0 <= skip_share < 1` must hold, but got skip_share={self.skip_share}."
            )
        for name in ("amplitude_spread", "annealing_gain"):
            if not (math.isfinite(value := getattr(self, name)) and value >= 0):
                raise ValueError(f"`{name} >= 0` must hold, but got {name}={value}.")
        if not (math.isfinite(self.annealing_gain_spread) and self.annealing_gain_spread > 0):
            raise ValueError(
                f"`annealing_gain_spread > 0` must hold, but got "
                f"annealing_gain_spread={self.annealing_gain_spread}."
            )

    def estimate(
        self, histories: Sequence[History], *, horizon_tokens: int
    ) -> tuple[HorizonEstimate, ...]:
        """Forecast all members by one joint fit; see `HorizonEstimator.estimate`."""
        if reason := self._obstacle(histories, horizon_tokens):
            return tuple(present(history, reason=reason) for history in histories)
        values, errors = self._forecast(
            histories, horizon_tokens, at=np.full(len(histories), float(horizon_tokens))
        )
        if not np.isfinite(values).all():
            reason = "no annealing law with a falling loss fits the population"
            return tuple(present(history, reason=reason) for history in histories)
        errors = errors * widening(
            histories, lambda past, at: self._forecast(past, horizon_tokens, at=at)
        )
        return tuple(
            present(history, reason=f"the horizon of {horizon_tokens} tokens is reached")
            if history.tokens[-1] >= horizon_tokens
            else HorizonEstimate(
                loss=float(value),
                standard_error=math.hypot(float(error), present_loss(history)[1]),
                used="annealing",
                reason="",
            )
            for history, value, error in zip(histories, values, errors, strict=True)
        )

    def _obstacle(self, histories: Sequence[History], horizon_tokens: float) -> str:
        """Return why no forecast can be tried; empty if it can."""
        if all(history.tokens[-1] >= horizon_tokens for history in histories):
            return f"the horizon of {horizon_tokens} tokens is reached"
        if any(history.learning_rates is None for history in histories):
            return "a member's learning rate is not known"
        points = sum(int(self._late(history, horizon_tokens).sum()) for history in histories)
        needed = _needed(len(histories))
        return "" if points >= needed else f"{points} usable points, fewer than {needed}"

    def _late(self, history: History, horizon_tokens: float) -> NDArray[np.bool_]:
        """Return which points are fitted; the last always is."""
        late = history.tokens >= self.skip_share * horizon_tokens
        late[-1] = True
        return late

    def _forecast(
        self,
        histories: Sequence[History],
        horizon_tokens: float,
        *,
        at: Array,  # (members,), tokens
    ) -> tuple[Array, Array]:
        kept = [
            replace(history, tokens=history.tokens[late], losses=history.losses[late])
            for history in histories
            for late in (self._late(history, horizon_tokens),)
        ]
        if sum(history.tokens.size for history in kept) < _needed(len(kept)):
            return np.full(len(kept), np.nan), np.full(len(kept), np.nan)
        prior = Prior(
            amplitude_spread=self.amplitude_spread,
            gain=self.annealing_gain,
            gain_spread=self.annealing_gain_spread,
        )
        return forecast(kept, horizon_tokens=horizon_tokens, at=at, prior=prior)


def _needed(members: int) -> int:
    """Points of a fit: an offset each, amplitude, exponent, memory and C, and one more."""
    return members + 5
