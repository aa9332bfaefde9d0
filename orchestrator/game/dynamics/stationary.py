"""Stationary distributions of Markov chains without cancellation (Grassmann, Taksar, Heyman 1985).

States are eliminated one after another, and a state's rate of leaving is summed from its rates to
others, never taken as 1 minus the rate of staying. No number is subtracted, so that probabilities
that differ by hundreds of orders of magnitude keep all their digits (O'Cinneide 1993). Done by
blocks, nearly all work is matrix products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAX_STATES = 8000
_BLOCK = 128


def stationary_distribution(
    transitions: ArrayLike,  # (n, n), rates from row to column; the diagonal is not read
) -> NDArray[np.float64]:  # (n,), on the simplex
    """Return the stationary distribution of an irreducible chain.

    Args:
        transitions: Probabilities (or rates) of going from row to column.

    Raises:
        ValueError: They are not square, finite and >= 0, are too many, or some set of states
            cannot be left.
    """
    p = np.array(transitions, dtype=np.float64)
    if p.ndim != 2 or p.shape[0] != p.shape[1] or p.shape[0] == 0:
        raise ValueError(
            f"Transitions are a square matrix, but got the shape {p.shape}. Rows are where from."
        )
    n = p.shape[0]
    if n > MAX_STATES:
        raise ValueError(
            f"A chain has at most {MAX_STATES:,} states here, but got {n:,}. Leave out strategies "
            f"that others dominate."
        )
    np.fill_diagonal(p, 0.0)
    if not (np.isfinite(p).all() and p.min() >= 0):
        raise ValueError(
            "Transitions must be finite and not negative, but got others. Check the payoffs and "
            "the intensity of selection."
        )
    starts = list(range(0, n, _BLOCK))
    for start in reversed(starts[1:]):
        stop = min(start + _BLOCK, n)
        fundamental = _fundamental(p[start:stop, start:stop], p[start:stop, :start].sum(axis=1))
        # Kept for the way back: expected visits in the block for each entry from the states before.
        p[:start, start:stop] = p[:start, start:stop] @ fundamental
        p[:start, :start] += p[:start, start:stop] @ p[start:stop, :start]
    stop = starts[1] if n > _BLOCK else n
    distribution = np.zeros(n)
    distribution[:stop] = _small(p[:stop, :stop])
    for start in starts[1:]:
        stop = min(start + _BLOCK, n)
        distribution[start:stop] = distribution[:start] @ p[:start, start:stop]
        distribution[:stop] /= distribution[:stop].sum()
    return distribution


def _fundamental(
    inside: NDArray[np.float64],  # (b, b), between states of the block
    leaving: NDArray[np.float64],  # (b,), to states before the block
) -> NDArray[np.float64]:
    """Return (D - inside)^-1 >= 0, D the total rates of leaving: an LU whose pivots are sums."""
    size = len(leaving)
    rates = inside.copy()
    np.fill_diagonal(rates, 0.0)
    out = leaving.copy()
    lower, upper = np.eye(size), np.zeros((size, size))
    for k in range(size):
        pivot = float(rates[k, k + 1 :].sum() + out[k])
        if not pivot > 0:
            raise _closed_set()
        upper[k, k], upper[k, k + 1 :] = pivot, -rates[k, k + 1 :]
        factors = rates[k + 1 :, k] / pivot
        lower[k + 1 :, k] = -factors
        rates[k + 1 :, k + 1 :] += np.outer(factors, rates[k, k + 1 :])
        out[k + 1 :] += factors * out[k]
    # L and U have no positive off-diagonal entry: substitution adds numbers of one sign only.
    half = scipy.linalg.solve_triangular(lower, np.eye(size), lower=True, unit_diagonal=True)
    return np.asarray(scipy.linalg.solve_triangular(upper, half), dtype=np.float64)


def _small(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the stationary distribution of a few states, one elimination after another."""
    n = p.shape[0]
    rates = p.copy()
    np.fill_diagonal(rates, 0.0)
    for k in range(n - 1, 0, -1):
        total = float(rates[k, :k].sum())
        if not total > 0:
            raise _closed_set()
        rates[:k, k] /= total
        rates[:k, :k] += np.outer(rates[:k, k], rates[k, :k])
    distribution = np.zeros(n)
    distribution[0] = 1.0
    for k in range(1, n):
        distribution[k] = distribution[:k] @ rates[:k, k]
    normed: NDArray[np.float64] = distribution / distribution.sum()
    return normed


def _closed_set() -> ValueError:
    return ValueError(
        "Every set of states must have a way out, but got a chain that cannot leave one (or whose "
        "rates underflow). Lower the intensity of selection, or rank the parts by themselves."
    )
