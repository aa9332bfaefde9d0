"""Pure equilibria of the participation game, an exact potential game (Monderer, Shapley 1996).

A component k that is present earns u_k(S) = v(S) - c_k, one that is absent v(S). What k gains by a
move is what Phi(S) = v(S) - sum_{k in S} c_k gains (ibid., section 2): pure equilibria exist
(corollary 2.2) and better replies end in one (lemma 2.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.coalitions import check_values, num_players

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.coalitions import Masks, Values


def check_costs(costs: ArrayLike, n: int) -> NDArray[np.float64]:
    """Return the costs of n components, and insist that they are finite and not negative."""
    c = np.asarray(costs, dtype=np.float64)
    if c.shape != (n,):
        raise ValueError(
            f"Each of the {n} components has one cost, but got the shape {c.shape}. Multiply the "
            f"resources of each component by the price mu."
        )
    if not (np.isfinite(c).all() and c.min(initial=0.0) >= 0):
        worst = int(np.argmin(np.where(np.isfinite(c), c, -np.inf)))
        raise ValueError(
            f"Costs must be finite and not negative, but got {c[worst]} for component {worst}. A "
            f"component that pays for itself belongs into v, not into the cost."
        )
    return c


def potential(
    values: ArrayLike,  # (2^n,), by mask of those present
    costs: ArrayLike,  # (n,), in units of v, >= 0
) -> Values:  # (2^n,)
    """Return Phi(S) = v(S) - sum of the costs of those present, for every coalition.

    Raises:
        ValueError: The table or the costs are not what they should be.
    """
    table = check_values(values)
    spent = np.zeros(1)
    for cost in check_costs(costs, num_players(table)):
        spent = np.concatenate([spent, spent + cost])
    return table - spent


def pure_equilibria(
    values: ArrayLike,  # (2^n,)
    costs: ArrayLike,  # (n,), in units of v, >= 0
) -> Masks:
    """Return the masks of all pure equilibria, the highest potential first; there is at least one.

    The first is the best subset of components at these costs.
    """
    phi = potential(values, costs)
    stable = np.ones(phi.size, dtype=np.bool_)
    for player in range(num_players(phi)):
        split, kept = phi.reshape(-1, 2, 1 << player), stable.reshape(-1, 2, 1 << player)
        kept[:, 0] &= split[:, 0] >= split[:, 1]
        kept[:, 1] &= split[:, 1] >= split[:, 0]
    masks = np.flatnonzero(stable)
    return masks[np.argsort(-phi[masks], kind="stable")].astype(np.int64)


def is_equilibrium(
    values: ArrayLike,  # (2^n,)
    costs: ArrayLike,  # (n,), in units of v, >= 0
    mask: int,
) -> bool:
    """Return whether no component gains by leaving, and none by joining."""
    phi = potential(values, costs)
    moves = mask ^ np.left_shift(1, np.arange(num_players(phi)))
    return bool((phi[moves] <= phi[mask]).all())


def best_reply_path(
    values: ArrayLike,  # (2^n,)
    costs: ArrayLike,  # (n,), in units of v, >= 0
    *,
    start: int,
) -> Masks:
    """Return the masks from `start` to an equilibrium, the move that gains most each time."""
    phi = potential(values, costs)
    bits = np.left_shift(1, np.arange(num_players(phi)))
    path = [start]
    while True:
        moves = path[-1] ^ bits
        best = int(moves[np.argmax(phi[moves])])
        if phi[best] <= phi[path[-1]]:
            return np.array(path, dtype=np.int64)
        path.append(best)
