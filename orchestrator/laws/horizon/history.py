"""What a horizon estimator reads of a member, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from orchestrator.laws.law import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A member's losses so far, through its ancestors, and its learning rate to the end.

    Args:
        tokens: Where the loss was measured, (k,), ascending, above zero.
        losses: nats/token, (k,).
        learning_rates: Learning rate at equally spaced points of the whole budget, (g,), from 0 to
            the horizon; None where it is not known.
    """

    tokens: Array
    losses: Array
    learning_rates: Array | None = None

    def __post_init__(self) -> None:
        if self.tokens.size == 0 or self.tokens.shape != self.losses.shape:
            message = (
                "A history needs as many losses as positions, at least one, but got "
                f"{self.losses.size} and {self.tokens.size}."
            )
            raise ValueError(message)
        if (self.tokens <= 0).any() or (np.diff(self.tokens) <= 0).any():
            message = "Positions of a history must be above zero and ascend."
            raise ValueError(message)
        if not np.isfinite(self.losses).all():
            message = "Losses of a history must be finite: leave out failed members."
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Predicted loss at the horizon with its standard error, nats/token, and how it was made.

    `method` says which estimator it was in the end: an estimator that has too little to go on
    answers with the present loss and says "present".
    """

    loss: float
    standard_error: float
    method: str


class HorizonEstimator(Protocol):
    """Predicts every member's loss at the end of the budget."""

    def estimate(self, histories: tuple[History, ...], *, horizon: float) -> tuple[Estimate, ...]:
        """Predict the loss at `horizon` tokens for each history.

        Raises:
            ValueError: The horizon lies before the end of a history.
        """
        ...


def check_horizon(histories: tuple[History, ...], horizon: float) -> None:
    """Refuse a horizon that lies in the past of a history.

    Raises:
        ValueError: It does.
    """
    latest = max((float(h.tokens[-1]) for h in histories), default=0.0)
    if horizon < latest:
        message = f"The horizon ({horizon:g} tokens) lies before the present ({latest:g} tokens)."
        raise ValueError(message)


def serial_factor(residual: Array) -> float:
    """Factor by which correlation of neighbours widens a variance: (1 + rho)/(1 - rho), 1 to 20."""
    if residual.size < 6:
        return 1.0
    r = residual - residual.mean()
    rho = float((r[1:] * r[:-1]).sum() / max((r * r).sum(), 1e-300))
    return min(max((1.0 + rho) / max(1.0 - rho, 1e-3), 1.0), 20.0)
