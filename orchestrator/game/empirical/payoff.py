"""Payoffs b + A x of an allocation game between roles, with their uncertainty (DESIGN 4.6).

A is symmetric: a partnership game, whose potential b'x + x'A x / 2 rises along the replicator
dynamic (Hofbauer, Sigmund 1998, section 7.8) and whose ESSs are its strict local maxima.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearPayoff:
    """Payoffs f(x) = b + A x of n roles whose shares are x."""

    constant: NDArray[np.float64]  # (n,), b
    matrix: NDArray[np.float64]  # (n, n), A

    def __post_init__(self) -> None:
        n = len(self.constant)
        if self.constant.shape != (n,) or self.matrix.shape != (n, n) or n == 0:
            raise ValueError(
                f"Payoffs b + A x have b of shape (n,) and A of (n, n), n >= 1, but got "
                f"{self.constant.shape} and {self.matrix.shape}. Order both by role."
            )
        if not (np.isfinite(self.constant).all() and np.isfinite(self.matrix).all()):
            raise ValueError(
                "All payoffs must be finite, but got NaN or infinity in b or A. Measure those "
                "interactions again."
            )

    def at(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the payoffs at states x (..., n), shape (..., n)."""
        payoffs: NDArray[np.float64] = self.constant + x @ self.matrix.T
        return payoffs

    def potential(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return b'x + x'A x / 2 at states x (..., n), shape (...,)."""
        height: NDArray[np.float64] = x @ self.constant + np.sum(x * (x @ self.matrix), -1) / 2
        return height

    def as_matrix(self) -> NDArray[np.float64]:
        """Return A + b 1', (n, n): the same payoffs on the simplex, without a constant."""
        whole: NDArray[np.float64] = self.matrix + self.constant[:, None]
        return whole


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EstimatedPayoff:
    """A payoff and the covariance of its parameters (b, then the upper triangle of A by rows)."""

    payoff: LinearPayoff
    covariance: NDArray[np.float64]  # (p, p), p = n + n (n + 1) / 2

    def __post_init__(self) -> None:
        n = len(self.payoff.constant)
        p = n + n * (n + 1) // 2
        if self.covariance.shape != (p, p) or not np.isfinite(self.covariance).all():
            raise ValueError(
                f"The parameters of {n} roles have a finite covariance of shape ({p}, {p}), but "
                f"got {self.covariance.shape}. Give 0 for parameters that are exact."
            )

    def standard_errors(self) -> LinearPayoff:
        """Return the standard errors of b and A, as arrays of the same shapes."""
        return unpacked(np.sqrt(np.diag(self.covariance)), len(self.payoff.constant))

    def draws(
        self, count: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # (count, n), (count, n, n)
        """Return b and A drawn from the normal distribution of their errors."""
        n = len(self.payoff.constant)
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        parameters = packed(self.payoff) + rng.normal(size=(count, len(root))) @ root.T
        payoffs = [unpacked(row, n) for row in parameters]
        return np.stack([p.constant for p in payoffs]), np.stack([p.matrix for p in payoffs])


def packed(payoff: LinearPayoff) -> NDArray[np.float64]:
    """Return b and the upper triangle of A as one vector."""
    return np.concatenate([payoff.constant, payoff.matrix[np.triu_indices(len(payoff.constant))]])


def unpacked(parameters: NDArray[np.float64], n: int) -> LinearPayoff:
    """Return the payoff of a vector of parameters; A is made symmetric."""
    matrix = np.zeros((n, n))
    matrix[np.triu_indices(n)] = parameters[n:]
    matrix = matrix + np.triu(matrix, 1).T
    return LinearPayoff(constant=parameters[:n].copy(), matrix=matrix)
