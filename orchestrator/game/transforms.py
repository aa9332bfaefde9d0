"""Moebius and Walsh transforms of a game, and its energy by order of interaction.

    Moebius (Harsanyi dividends; Rota 1964, Harsanyi 1963):  m(S) = sum_{T <= S} (-1)^{|S|-|T|} v(T)
    Walsh (O'Donnell 2014, chapter 1):                 w(S) = 2^-n sum_T (-1)^{|S & T|} v(T)

All run as butterflies over a copy of the table: n 2^(n-1) additions (Yates 1937).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.coalitions import check_values, num_players, sizes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.coalitions import Values


def moebius(values: ArrayLike) -> Values:
    """Return the dividends m(S), shape (2^n,): v(S) is the sum of m over the subsets of S.

    >>> moebius([0, 1, 1, 4]).tolist()
    [0.0, 1.0, 1.0, 2.0]
    """
    table = check_values(values).copy()
    for low, high in _halves(table):
        np.subtract(high, low, out=high)
    return table


def inverse_moebius(dividends: ArrayLike) -> Values:
    """Return v(S), the sum of the dividends of all subsets of S, shape (2^n,)."""
    table = check_values(dividends).copy()
    for low, high in _halves(table):
        np.add(high, low, out=high)
    return table


def superset_sums(weighted: ArrayLike) -> Values:
    """Return the sum of a table over all supersets of each S, shape (2^n,)."""
    table = check_values(weighted).copy()
    for low, high in _halves(table):
        np.add(low, high, out=low)
    return table


def walsh(values: ArrayLike) -> Values:
    """Return the Walsh coefficients w(S), shape (2^n,); w(empty) is the mean of v.

    The character of S is (-1)^{|S & T|}: the coefficient of one player is minus half its Banzhaf
    value.

    >>> walsh([0, 0, 0, 4]).tolist()
    [1.0, -1.0, -1.0, 1.0]
    """
    table = inverse_walsh(values)
    table /= table.size
    return table


def inverse_walsh(coefficients: ArrayLike) -> Values:
    """Return v from its Walsh coefficients, shape (2^n,)."""
    table = check_values(coefficients).copy()
    for low, high in _halves(table):
        difference = low - high
        np.add(low, high, out=low)
        high[...] = difference
    return table


def energy_by_order(values: ArrayLike) -> NDArray[np.float64]:
    """Return the variance of v over random coalitions, split by order of interaction.

    Args:
        values: Value table, (2^n,).

    Returns:
        (n + 1,): the sum of w(S)^2 over |S| = 0..n. By Parseval's theorem it sums to the mean of
        v^2; from order 1 on, to the variance of v. Order 1 alone means an additive game.
    """
    coefficients = walsh(values)
    n = num_players(coefficients)
    energy: NDArray[np.float64] = np.bincount(
        sizes(n), weights=coefficients**2, minlength=n + 1
    ).astype(np.float64)
    return energy


def _halves(table: Values) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return views of the table without and with player k, k = 0..n-1: each (2^(n-1-k), 2^k)."""
    pairs = []
    for player in range(num_players(table)):
        split = table.reshape(-1, 2, 1 << player)
        pairs.append((split[:, 0, :], split[:, 1, :]))
    return pairs
