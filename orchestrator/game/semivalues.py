"""Semivalues: values whose weights depend on the size of a coalition (Dubey, Neyman, Weber 1981).

    phi_k = sum_{S without k} p(|S|) (v(S + k) - v(S)),      sum_s C(n-1, s) p(s) = 1

Shapley's and Banzhaf's value are the two best-known ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.coalitions import check_values, num_players, sizes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.coalitions import Values


def semivalue(
    values: ArrayLike,  # (2^n,)
    size_weights: NDArray[np.float64],  # (n,)
) -> NDArray[np.float64]:
    """Return the semivalue of every player, shape (n,).

    Args:
        values: Value table by bit mask.
        size_weights: p(s) of one coalition of size s = 0..n-1 that lacks the player.

    Raises:
        ValueError: The table is none, or the weights are not one a size.
    """
    table = check_values(values)
    n = num_players(table)
    weights = np.asarray(size_weights, dtype=np.float64)
    if weights.shape != (n,):
        raise ValueError(
            f"A semivalue of {n} players has {n} weights, for coalitions of 0 to {n - 1} others, "
            f"but got the shape {weights.shape}. Give p(0), ..., p(n-1)."
        )
    # v(S) enters phi_k with +p(|S|-1) where k is in S, with -p(|S|) where it is not. Both are taken
    # over all S first: one weighted sum for each k, and one for all.
    absent = np.append(weights, 0.0)
    present = np.append(0.0, weights)
    size = sizes(n)
    centred = table - table[0]
    return _sums_with(centred * (present + absent)[size]) - float(centred @ absent[size])


def _sums_with(weighted: Values) -> NDArray[np.float64]:
    """Return the sum over all coalitions with player k, shape (n,), by folding the table."""
    n = num_players(weighted)
    sums = np.empty(n)
    folded = weighted
    for player in reversed(range(n)):
        without, with_player = folded[: 1 << player], folded[1 << player :]
        sums[player] = with_player.sum()
        folded = without + with_player
    return sums
