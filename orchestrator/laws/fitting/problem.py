"""A law on a table: residuals and Jacobians for a whole batch of parameter vectors at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from orchestrator.laws.law import Array, Integers, Law

# Shapes: B problems side by side, n rows of the table, P parameters.


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Rows to fit, with weights; each of B problems may have its own targets and weights.

    Parameters live in *coordinates* z: the logarithm of a positive parameter, a linear one as it
    is. Residuals are log prediction - log target, or plain differences, as the law says.
    """

    law: Law
    inputs: tuple[Array, ...]  # each (n,)
    target: Array  # (n,) or (B, n)
    weights: Array  # (n,) or (B, n), >= 0
    low: Array  # (P,) or (B, P), in coordinates; equal to `high` where a parameter is held
    high: Array  # (P,) or (B, P), in coordinates

    def select(self, rows: Integers) -> Problem:
        """Keep the problems of the given indices (no-op for what they share)."""
        return Problem(
            law=self.law, inputs=self.inputs,
            low=self.low[rows] if self.low.ndim == 2 else self.low,
            high=self.high[rows] if self.high.ndim == 2 else self.high,
            target=self.target[rows] if self.target.ndim == 2 else self.target,
            weights=self.weights[rows] if self.weights.ndim == 2 else self.weights,
        )  # fmt: skip

    def residuals(
        self,
        z: Array,  # (B, P)
    ) -> tuple[Array, Array]:
        """Return residuals (B, n) and their derivatives by the coordinates (B, P, n)."""
        natural = to_natural(self.law, z)
        with np.errstate(all="ignore"):
            value, parts = self.law.evaluate(tuple(natural.T[:, :, None]), self.inputs)
            shape = (z.shape[0], np.shape(self.target)[-1])
            jacobian = np.empty((shape[0], len(parts), shape[1]))
            if self.law.residual == "log":
                residual = np.log(value) - np.log(self.target)
                inverse = 1.0 / value
            else:
                residual = value - self.target
                inverse = None
            for j, part in enumerate(parts):
                factor = natural[:, j : j + 1] if self.law.parameters[j].scale == "log" else 1.0
                jacobian[:, j] = part * factor
            if inverse is not None:
                jacobian *= inverse[:, None, :]
        return np.broadcast_to(residual, shape), jacobian


def to_natural(law: Law, z: Array) -> Array:  # (..., P) -> (..., P)
    """Turn coordinates into natural parameters."""
    natural = np.array(z, dtype=np.float64)
    with np.errstate(over="ignore"):
        for j, parameter in enumerate(law.parameters):
            if parameter.scale == "log":
                natural[..., j] = np.exp(natural[..., j])
    return natural


def to_coordinates(law: Law, natural: Array) -> Array:  # (..., P) -> (..., P)
    """Turn natural parameters into coordinates."""
    z = np.array(natural, dtype=np.float64)
    for j, parameter in enumerate(law.parameters):
        if parameter.scale == "log":
            z[..., j] = np.log(np.maximum(z[..., j], 1e-300))
    return z


def make_problem(
    law: Law,
    inputs: tuple[Array, ...],
    target: Array,
    weights: Array | None = None,
) -> Problem:
    """Put a law on a table; weights default to one."""
    target = np.asarray(target, dtype=np.float64)
    low = to_coordinates(law, np.array([max(p.low, -1e300) for p in law.parameters]))
    high = to_coordinates(law, np.array([min(p.high, 1e300) for p in law.parameters]))
    return Problem(
        law=law,
        inputs=tuple(np.asarray(x, dtype=np.float64) for x in inputs),
        target=target,
        weights=np.ones(target.shape[-1]) if weights is None else np.asarray(weights, np.float64),
        low=low,
        high=high,
    )
