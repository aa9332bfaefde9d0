"""The present loss, taken for the loss at the horizon: right where rankings settle early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.horizon.estimate import HorizonEstimate, present_loss

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentLoss:
    """Loss now, with its standard error over evaluation batches."""

    def estimate(
        self,
        curve: Sequence[tuple[int, float]],  # noqa: ARG002 - asked of every estimator
        batch_losses: Sequence[float],
        *,
        horizon_tokens: int,  # noqa: ARG002
    ) -> HorizonEstimate:
        """Predict no change; see `HorizonEstimator.estimate`."""
        loss, standard_error = present_loss(batch_losses)
        return HorizonEstimate(loss=loss, standard_error=standard_error, used="present", reason="")
