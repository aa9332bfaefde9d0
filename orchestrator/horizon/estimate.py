"""What a horizon estimator is told and what it answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonEstimate:
    """Loss that a member is expected to have at the end of its budget, and how sure that is."""

    loss: float
    """Nats per token at the horizon."""
    standard_error: float
    """Of `loss`, nats per token."""
    used: str
    """Name of the estimator that gave the number, `present` after a fallback."""
    reason: str
    """Why another estimator than the one asked for was used; empty if none was."""


class HorizonEstimator(Protocol):
    """Predicts a member's loss at the horizon from its own past."""

    def estimate(
        self,
        curve: Sequence[tuple[int, float]],
        batch_losses: Sequence[float],
        *,
        horizon_tokens: int,
    ) -> HorizonEstimate:
        """Predict the loss at the horizon.

        Args:
            curve: (tokens, loss in nats per token) after each interval, now included; ascending.
            batch_losses: Loss of each evaluation batch now; finite.
            horizon_tokens: Tokens at which the loss is wanted.

        Returns:
            The estimate, with the name of what was used.

        Raises:
            ValueError: The present loss is missing or not finite.
        """
        ...


def present_loss(batch_losses: Sequence[float]) -> tuple[float, float]:
    """Return the mean of the batch losses and its standard error, nats per token.

    The standard error is 0 for a single batch: nothing is known about it. It is that of sampling
    the evaluation batches, which all members share; paired differences are much surer.
    """
    losses = np.asarray(batch_losses, dtype=np.float64)
    if losses.size == 0 or not np.isfinite(losses).all():
        raise ValueError(
            f"A present loss needs one or more finite batch losses, but got {list(batch_losses)}. "
            f"Treat a member without a finite loss as failed."
        )
    spread = float(losses.std(ddof=1)) if losses.size > 1 else 0.0
    return float(losses.mean()), spread / math.sqrt(losses.size)
