"""Interactions of two and more players, exactly from a value table.

All are weighted means of the discrete derivative D_A v(T) = sum_{B <= A} (-1)^{|A|-|B|} v(T + B):

    I(A) = sum_{T without A} p(|T|) D_A v(T)

    Shapley interaction index (Grabisch, Roubens 1999)                p(t) = t!(n-t-a)! / (n-a+1)!
    Banzhaf interaction index (ibid.)                                 p(t) = 2^-(n-a)
    Shapley-Taylor index of the top order k (Sundararajan et al. 2020, arXiv:1902.05622)
                                                                      p(t) = k / (n C(n-1, t))

k-SII (n-Shapley values; Bordt, von Luxburg 2023, arXiv:2209.04012) makes Shapley interactions of
orders 1..k add up to v(all) - v(none), as Shapley-Taylor interactions do. Positive: complements;
negative: substitutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.game.coalitions import (
    check_values,
    mask_of,
    masks_of_size,
    num_players,
    players_of,
    sizes,
)
from orchestrator.game.transforms import moebius, superset_sums

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.coalitions import Masks, Values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interactions:
    """Interactions of all coalitions of some orders."""

    n: int
    masks: Masks  # (m,)
    """Coalitions, by order and then ascending."""
    values: NDArray[np.float64]  # (m,)
    """Interaction of each coalition, in units of v."""

    def of(self, *players: int) -> float:
        """Return the interaction of these players.

        Raises:
            KeyError: Interactions of so many players, or of these, are not there.
        """
        found = np.flatnonzero(self.masks == mask_of(players))
        if len(found) != 1:
            orders = sorted({int(mask).bit_count() for mask in self.masks})
            raise KeyError(
                f"Interactions of the orders {orders} among {self.n} players are known, but got "
                f"the players {players}. Compute a higher order or correct the players."
            )
        return float(self.values[found[0]])

    def of_order(self, order: int) -> Interactions:
        """Return those of one order alone."""
        chosen = np.bitwise_count(self.masks) == order
        return Interactions(n=self.n, masks=self.masks[chosen], values=self.values[chosen])

    def matrix(self) -> NDArray[np.float64]:  # (n, n)
        """Return pair interactions as a symmetric matrix with a zero diagonal."""
        pairs = self.of_order(2)
        table = np.zeros((self.n, self.n))
        for mask, value in zip(pairs.masks.tolist(), pairs.values.tolist(), strict=True):
            i, j = players_of(mask)
            table[i, j] = table[j, i] = value
        return table


def shapley_interactions(values: ArrayLike, *, order: int = 2) -> Interactions:
    """Return the Shapley interaction index of all coalitions of one order.

    Args:
        values: Value table by bit mask, (2^n,).
        order: Number of players that interact, 1 to n; order 1 is the Shapley value.

    Raises:
        ValueError: The table is none, or the order is not within 1..n.
    """
    table, n = _checked(values, order)
    # t!(n-t-a)!/(n-a+1)! = 1 / ((n-a+1) C(n-a, t))
    rest = n - order
    return _index(table, order, [1 / ((rest + 1) * comb(rest, t)) for t in range(rest + 1)])


def banzhaf_interactions(values: ArrayLike, *, order: int = 2) -> Interactions:
    """Return the Banzhaf interaction index of all coalitions of one order; see above."""
    table, n = _checked(values, order)
    return _index(table, order, [2.0 ** (order - n)] * (n - order + 1))


def shapley_taylor(values: ArrayLike, *, order: int = 2) -> Interactions:
    """Return Shapley-Taylor interactions of all orders 1..order; they sum to v(all) - v(none).

    Below the top order they are the dividends m(S) (Sundararajan et al. 2020).
    """
    table, n = _checked(values, order)
    dividends = moebius(table)
    lower = np.concatenate(
        [np.empty(0, dtype=np.int64), *(masks_of_size(n, size) for size in range(1, order))]
    )
    top = _index(table, order, [order / (n * comb(n - 1, t)) for t in range(n - order + 1)])
    return Interactions(
        n=n,
        masks=np.concatenate([lower, top.masks]),
        values=np.concatenate([dividends[lower], top.values]),
    )


def k_sii(values: ArrayLike, *, order: int = 2) -> Interactions:
    """Return k-SII (n-Shapley) values of all orders 1..order; they sum to v(all) - v(none).

    Interactions of larger coalitions are shared among the smaller ones by Bernoulli numbers:
    Phi(A) = sum_{j=0}^{k-|A|} B_j sum_{T >= A, |T| = |A| + j} I(T)    (Bordt, von Luxburg)
    """
    table, n = _checked(values, order)
    by_order = [shapley_interactions(table, order=a) for a in range(1, order + 1)]
    bernoulli_numbers = np.asarray(scipy.special.bernoulli(order))
    aggregated = np.zeros(table.size)
    for index in by_order:
        aggregated[index.masks] += index.values
        for mask, value in zip(index.masks.tolist(), index.values.tolist(), strict=True):
            players = players_of(mask)
            for size in range(1, len(players)):
                share = float(bernoulli_numbers[len(players) - size]) * value
                if share != 0:
                    for subset in combinations(players, size):
                        aggregated[mask_of(subset)] += share
    masks = np.concatenate([index.masks for index in by_order])
    return Interactions(n=n, masks=masks, values=aggregated[masks])


def _index(table: Values, order: int, weights: list[float]) -> Interactions:
    """Return I(A) for all A of an order, weights p(t) for t = 0..n-order.

    A coalition S with S & A = R enters I(A) with (-1)^{a-r} p(|S|-r) v(S). Writing "S & A = R" by
    inclusion and exclusion over supersets of B <= A gives
    I(A) = sum_{B <= A} (-1)^{a-b} sum_{S >= B} D_b(S),  D_b(S) = v(S) sum_r C(b, r) p(|S|-r),
    one butterfly for each b = 0..a.
    """
    n = num_players(table)
    size = sizes(n)
    padded = np.zeros(n + 1)
    padded[: len(weights)] = weights
    masks = masks_of_size(n, order)
    positions = np.array([players_of(mask) for mask in masks.tolist()], dtype=np.int64)
    centred = table - table[0]
    total = np.zeros(len(masks))
    for b in range(order + 1):
        by_size = np.zeros(n + 1)
        for r in range(b + 1):
            by_size[r:] += comb(b, r) * padded[: n + 1 - r]
        sums = superset_sums(centred * by_size[size])
        for chosen in combinations(range(order), b):
            subset = np.zeros(len(masks), dtype=np.int64)
            for column in chosen:
                subset |= np.left_shift(np.int64(1), positions[:, column])
            total += (-1) ** (order - b) * sums[subset]
    return Interactions(n=n, masks=masks, values=total)


def _checked(values: ArrayLike, order: int) -> tuple[Values, int]:
    table = check_values(values)
    n = num_players(table)
    if not 1 <= order <= n:
        raise ValueError(
            f"`1 <= order <= {n}` must hold for a game of {n} players, but got order={order}. "
            f"Pairs are order 2."
        )
    return table, n
