"""What payoffs and states must be, and how a degenerate game is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SIMPLEX_TOLERANCE = 1e-6


class DegenerateGameWarning(UserWarning):
    """The game has ties that leave a continuum of answers, or an order that rounding decides."""


def check_payoffs(payoffs: ArrayLike, *, name: str = "payoffs") -> NDArray[np.float64]:
    """Return a payoff matrix as float64, and insist that it is one.

    Raises:
        ValueError: It is not two-dimensional, is empty, or holds a number that is not finite.
    """
    matrix = np.asarray(payoffs, dtype=np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(
            f"Payoffs are a matrix (own strategies, others' strategies) with at least one of each, "
            f"but got {name} of shape {matrix.shape}. Leave out empty games."
        )
    if not np.isfinite(matrix).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(matrix))[0])
        raise ValueError(
            f"All payoffs must be finite, but got {name}[{row}, {column}]={matrix[row, column]}. "
            f"Measure that pair again or bound the payoff."
        )
    return matrix


def check_square(payoffs: ArrayLike, *, name: str = "payoffs") -> NDArray[np.float64]:
    """Return the payoffs of a symmetric game: as many own strategies as others'."""
    matrix = check_payoffs(payoffs, name=name)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"A game within one population has a square payoff matrix, but got {name} of shape "
            f"{matrix.shape}. Use the functions for two populations for a bimatrix game."
        )
    return matrix


def check_bimatrix(
    row_payoffs: ArrayLike, column_payoffs: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both players' payoffs, each (m, n), and insist that they match."""
    a = check_payoffs(row_payoffs, name="row_payoffs")
    b = check_payoffs(column_payoffs, name="column_payoffs")
    if a.shape != b.shape:
        raise ValueError(
            f"Both players' payoffs have the shape (row strategies, column strategies), but got "
            f"{a.shape} and {b.shape}. Transpose the second if it is written from its own side."
        )
    return a, b


def check_state(state: ArrayLike, size: int, *, name: str = "state") -> NDArray[np.float64]:
    """Return a point of the simplex as float64, shape (size,), scaled to sum to one exactly.

    Raises:
        ValueError: The length is wrong, a share is negative, or they do not sum to 1 within 1e-6.
    """
    shares = np.asarray(state, dtype=np.float64)
    if shares.shape != (size,):
        raise ValueError(
            f"A state has one share a strategy, shape ({size},), but got {name} of shape "
            f"{shares.shape}. Order the shares as the rows of the payoffs."
        )
    total = float(shares.sum())
    if not (shares.min() >= -SIMPLEX_TOLERANCE and abs(total - 1) <= SIMPLEX_TOLERANCE):
        raise ValueError(
            f"A state lies on the simplex (no share negative, sum 1 within {SIMPLEX_TOLERANCE:g}), "
            f"but got {name} with the smallest share {shares.min():g} and the sum {total:g}. "
            f"Divide the shares by their sum."
        )
    shares = np.maximum(shares, 0.0)
    scaled: NDArray[np.float64] = shares / shares.sum()
    return scaled


def scale_of(payoffs: NDArray[np.float64]) -> float:
    """Return the range of payoffs, or 1 where they are all equal: the unit of tolerances."""
    spread = float(payoffs.max() - payoffs.min())
    return spread if spread > 0 else 1.0
