"""Velocities of populations under evolutionary dynamics (Sandholm 2010, chapters 5 and 6).

Notation of the folder: x (..., n) is a state on the simplex, f (..., n) the payoffs of the
strategies at that state (f = A x within one population, f = A y against another), and a velocity
(..., n) sums to zero. A constant payoff b joins the matrix: b + A x = (A + b 1') x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.game.inputs import check_bimatrix, check_square

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Velocity = Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """Field of one or more populations, their states one after another: (..., n) -> (..., n)."""
    Revision = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    """Dynamic: (state, payoffs) -> velocity, each (..., n)."""

_TIE = 1e-12


def replicator(x: NDArray[np.float64], f: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the replicator dynamic (Taylor, Jonker 1978, eq. 1): imitation of the successful."""
    # dx_i = x_i (f_i - sum_j x_j f_j)
    velocity: NDArray[np.float64] = x * (f - np.sum(x * f, axis=-1, keepdims=True))
    return velocity


def logit(
    x: NDArray[np.float64], f: NDArray[np.float64], *, temperature: float
) -> NDArray[np.float64]:
    """Return the logit dynamic (Fudenberg, Levine 1998, section 4): a softened best response.

    Args:
        x: State, (..., n).
        f: Payoffs, (..., n).
        temperature: Noise of choices, in units of payoff, above 0. Rest points are logit
            (quantal-response) equilibria.
    """
    if not temperature > 0:
        raise ValueError(
            f"`temperature > 0` must hold, but got temperature={temperature}. Use best_response "
            f"for choices without noise."
        )
    # dx_i = exp(f_i / T) / sum_j exp(f_j / T) - x_i
    velocity: NDArray[np.float64] = scipy.special.softmax(f / temperature, axis=-1) - x
    return velocity


def best_response(x: NDArray[np.float64], f: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the best-response dynamic (Gilboa, Matsui 1991); equally good replies share alike."""
    top = f.max(axis=-1, keepdims=True)
    best = (f >= top - _TIE * np.maximum(np.abs(top), 1.0)).astype(np.float64)
    velocity: NDArray[np.float64] = best / best.sum(axis=-1, keepdims=True) - x
    return velocity


def smith(x: NDArray[np.float64], f: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Smith's dynamic (1984): pairwise comparison; its rest points are Nash equilibria."""
    # dx_i = sum_j x_j (f_i - f_j)+ - x_i sum_j (f_j - f_i)+
    gain = np.maximum(f[..., :, None] - f[..., None, :], 0.0)
    inflow = np.einsum("...ij,...j->...i", gain, x)
    velocity: NDArray[np.float64] = inflow - x * gain.sum(axis=-2)
    return velocity


def within_one_population(revision: Revision, payoffs: ArrayLike) -> Velocity:
    """Return the field of a dynamic in one population that plays against itself.

    Args:
        revision: A dynamic of this module.
        payoffs: Payoff matrix A, (n, n); b + A x is A + b[:, None].
    """
    matrix = check_square(payoffs)
    return lambda x: revision(x, x @ matrix.T)


def between_two_populations(
    revision: Revision, row_payoffs: ArrayLike, column_payoffs: ArrayLike
) -> Velocity:
    """Return the field of a dynamic in two populations, on states (..., m + n): rows, columns.

    Args:
        revision: A dynamic of this module.
        row_payoffs: Payoffs of the first population, (m, n).
        column_payoffs: Payoffs of the second, in the same orientation.
    """
    a, b = check_bimatrix(row_payoffs, column_payoffs)
    m = a.shape[0]

    def velocity(state: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = state[..., :m], state[..., m:]
        return np.concatenate([revision(x, y @ a.T), revision(y, x @ b)], axis=-1)

    return velocity
