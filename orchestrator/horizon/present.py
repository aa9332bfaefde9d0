"""The present loss, taken for the loss at the horizon: right where rankings settle early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.horizon.estimate import History, HorizonEstimate, present

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentLoss:
    """Loss now, with the standard error of its measurement, not of the assumption."""

    def estimate(
        self,
        histories: Sequence[History],
        *,
        horizon_tokens: int,  # noqa: ARG002 - asked of every estimator
    ) -> tuple[HorizonEstimate, ...]:
        """Predict no change; see `HorizonEstimator.estimate`."""
        return tuple(present(history) for history in histories)
