"""What a horizon estimator is told of a population and what it answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST_SCATTER = 4
"""Points of a curve from which the noise of one of them can be told."""
SCATTER_WINDOW = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A member's losses so far, through its ancestors, and its learning rate to the end."""

    tokens: NDArray[np.float64]  # (k,), ascending, > 0
    """Where the loss was measured; the last is now."""
    losses: NDArray[np.float64]  # (k,)
    """Nats per token; the last is the present loss."""
    learning_rates: NDArray[np.float64] | None = None  # (g,)
    """Learning rate along the budget: the j-th holds from j/g to (j+1)/g of the horizon, what
    ancestors did included. None: not known."""
    batch_losses: tuple[float, ...] = ()
    """Present loss of each evaluation batch; empty: not known."""

    def __post_init__(self) -> None:
        if self.tokens.size == 0 or self.tokens.shape != self.losses.shape:
            raise ValueError(
                f"A history needs as many losses as positions, at least one, but got "
                f"{self.losses.size} and {self.tokens.size}."
            )
        if (self.tokens <= 0).any() or (np.diff(self.tokens) <= 0).any():
            raise ValueError(
                f"Positions of a history must be above zero and ascend, but got {self.tokens}."
            )
        if not np.isfinite(self.losses).all() or not np.isfinite(self.batch_losses).all():
            raise ValueError(
                f"Losses of a history must be finite, but got {self.losses} and batches "
                f"{self.batch_losses}. Leave out failed members."
            )


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
    """Predicts the losses of a population at the horizon from its members' pasts."""

    def estimate(
        self, histories: Sequence[History], *, horizon_tokens: int
    ) -> tuple[HorizonEstimate, ...]:
        """Predict the loss at the horizon for each history.

        Args:
            histories: Of all living members, so that what they have in common can be learnt.
            horizon_tokens: Tokens at which the losses are wanted.

        Returns:
            One estimate a history, with the name of what was used. At the horizon it is the
            present loss.
        """
        ...


def present_loss(history: History) -> tuple[float, float]:
    """Return the present loss and the standard error of its measurement, nats per token.

    The standard error is that of sampling the evaluation batches, which all members of a search
    share; paired differences are much surer. Without batches it is the scatter of the newest
    points about a straight line. It is 0 where neither is known: one batch, or too few points.
    """
    if history.batch_losses:
        losses = np.asarray(history.batch_losses, dtype=np.float64)
        spread = float(losses.std(ddof=1)) if losses.size > 1 else 0.0
        return float(losses.mean()), spread / math.sqrt(losses.size)
    return float(history.losses[-1]), _scatter(history)


def present(history: History, *, reason: str = "") -> HorizonEstimate:
    """Return the present loss as the estimate: the fallback of every estimator."""
    loss, standard_error = present_loss(history)
    return HorizonEstimate(loss=loss, standard_error=standard_error, used="present", reason=reason)


def _scatter(history: History) -> float:
    x, y = history.tokens[-SCATTER_WINDOW:], history.losses[-SCATTER_WINDOW:]
    if x.size < LEAST_SCATTER:
        return 0.0
    u = (x - x.mean()) / np.ptp(x)
    line = np.stack([np.ones_like(u), u], axis=1)
    left = y - line @ np.linalg.lstsq(line, y, rcond=None)[0]
    return float(np.sqrt((left**2).sum() / (x.size - 2)))
