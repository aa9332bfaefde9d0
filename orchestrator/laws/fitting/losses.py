"""What a fit minimises: sums of a function of the residuals (Huber 1964; L1; L2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from orchestrator.laws.law import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Huber:
    """Quadratic within delta of zero, linear beyond: sum of r^2/2 or delta (|r| - delta/2).

    The sum, never the mean: a mean of numbers near 1e-6 makes optimizers stop at once.
    """

    delta: float = 1e-3

    def value(self, r: Array) -> Array:
        """Loss of each residual."""
        inside = np.minimum(np.abs(r), self.delta)
        result: Array = inside * (np.abs(r) - 0.5 * inside)
        return result

    def influence(self, r: Array) -> Array:
        """Derivative of the loss by the residual."""
        return np.clip(r, -self.delta, self.delta)

    def weight(self, r: Array) -> Array:
        """Influence over residual: the weight of a reweighted least-squares step."""
        result: Array = self.delta / np.maximum(np.abs(r), self.delta)
        return result

    def curvature(self, r: Array) -> Array:
        """Second derivative of the loss by the residual."""
        return (np.abs(r) < self.delta).astype(np.float64)

    def describe(self) -> str:
        """Name the loss for reports."""
        return f"sum of Huber(delta={self.delta:g})"


@dataclass(frozen=True, slots=True, kw_only=True)
class L2:
    """Half the sum of squares."""

    def value(self, r: Array) -> Array:
        """Loss of each residual."""
        result: Array = 0.5 * r * r
        return result

    def influence(self, r: Array) -> Array:
        """Derivative of the loss by the residual."""
        return r

    def weight(self, r: Array) -> Array:
        """Influence over residual: the weight of a reweighted least-squares step."""
        return np.ones_like(r)

    def curvature(self, r: Array) -> Array:
        """Second derivative of the loss by the residual."""
        return np.ones_like(r)

    def describe(self) -> str:
        """Name the loss for reports."""
        return "half the sum of squares"


@dataclass(frozen=True, slots=True, kw_only=True)
class L1:
    """Sum of absolute residuals (maximum likelihood under Laplace noise).

    Fitted through Huber losses whose delta shrinks to `smallest_delta`; the objective that is
    reported is the sum of |r|.
    """

    smallest_delta: float = 1e-6

    def value(self, r: Array) -> Array:
        """Loss of each residual."""
        return np.abs(r)

    def stages(self) -> tuple[Huber, ...]:
        """Huber losses from wide to narrow that lead to this one."""
        deltas = []
        delta = 1e-3
        while delta > self.smallest_delta * 1.001:
            deltas.append(delta)
            delta /= 5.0
        return tuple(Huber(delta=delta) for delta in (*deltas, self.smallest_delta))

    def describe(self) -> str:
        """Name the loss for reports."""
        return "sum of absolute values"


Loss = Huber | L1 | L2
SmoothLoss = Huber | L2


def loss_named(name: str, *, delta: float) -> Loss:
    """Make the loss called huber, l1 or l2.

    Raises:
        ValueError: Another name, or a delta that is not above zero.
    """
    if name == "huber":
        if not delta > 0:
            message = f"`delta > 0` must hold, but got delta={delta}."
            raise ValueError(message)
        return Huber(delta=delta)
    if name == "l1":
        return L1()
    if name == "l2":
        return L2()
    message = f"A loss is one of huber, l1, l2, but got {name!r}."
    raise ValueError(message)
