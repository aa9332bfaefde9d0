"""Owen's value: Shapley's value for players who come in unions (Owen 1977).

    psi_i = sum_{R <= M - k} w(R) sum_{S <= B_k - i} w_k(S) (v(Q_R + S + i) - v(Q_R + S))

M are the unions B_1..B_m, Q_R the players of the unions in R; w, w_k are Shapley's weights among
unions and within a union. The sum over R makes a game g_k within each union, and psi is its Shapley
value. The members of a union together get the union's Shapley value in the game between unions:
values of heads add up to the values of their layers. It needs sum_k 2^(m-1+|B_k|) coalitions
instead of 2^n.
"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.coalitions import (
    all_coalitions,
    check_players,
    check_values,
    evaluated,
    masks_of,
    num_players,
)
from orchestrator.game.shapley import shapley

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.coalitions import CoalitionMatrix, ValueFunction


def owen(
    values: ArrayLike,  # (2^n,)
    unions: Sequence[Sequence[int]],
) -> NDArray[np.float64]:  # (n,), sums to v(all) - v(none)
    """Return every player's Owen value from a value table.

    Args:
        values: Value table by bit mask.
        unions: The players of each union; every player is in exactly one.

    Raises:
        ValueError: The table is none, or the unions do not part its players.

    >>> owen([0, 0, 0, 1, 0, 1, 0, 1], [(0,), (1, 2)]).tolist()
    [0.5, 0.25, 0.25]
    """
    table = check_values(values)
    return owen_from_function(
        lambda members: table[masks_of(members)], unions, n=num_players(table)
    )


def owen_from_function(
    value_function: ValueFunction, unions: Sequence[Sequence[int]], *, n: int
) -> NDArray[np.float64]:  # (n,), sums to v(all) - v(none)
    """Return every player's Owen value, evaluating only the coalitions that it needs.

    Args:
        value_function: v for many coalitions at once, (m, n) -> (m,).
        unions: The players of each union; every player is in exactly one. The number of unions plus
            the size of the largest one is at most 25.
        n: Number of players; it may be larger than a table allows.

    Raises:
        ValueError: The unions do not part the players, are too many or too large, or v is not
            finite.
    """
    groups = _checked(unions, n)
    payoffs = np.empty(n)
    for index, own in enumerate(groups):
        others = [group for position, group in enumerate(groups) if position != index]
        payoffs[list(own)] = _within(value_function, own, others, n)
    return payoffs


def _within(
    value_function: ValueFunction,
    own: tuple[int, ...],
    others: list[tuple[int, ...]],
    n: int,
) -> NDArray[np.float64]:
    """Return the Owen values of one union's players: the Shapley values of g_k, (|B_k|,)."""
    check_players(len(others) + len(own))
    inside = _spread(all_coalitions(len(own)), [(player,) for player in own], n)
    count = len(others) + 1
    game = np.zeros(len(inside))
    outside = (
        _spread(all_coalitions(len(others)), others, n)
        if others
        else np.zeros((1, n), dtype=np.bool_)
    )
    joined = (
        all_coalitions(len(others)).sum(axis=1) if others else np.zeros(1, dtype=np.int64)
    ).tolist()
    for background, size in zip(outside, joined, strict=True):
        weight = 1 / (count * comb(count - 1, size))
        game += weight * evaluated(value_function, inside | background)
    return shapley(game)


def _spread(
    chosen: CoalitionMatrix,  # (m, groups)
    groups: Sequence[tuple[int, ...]],
    n: int,
) -> CoalitionMatrix:  # (m, n)
    """Return coalitions of groups as coalitions of their players."""
    members = np.zeros((len(chosen), n), dtype=np.bool_)
    for column, group in enumerate(groups):
        members[:, list(group)] = chosen[:, column, None]
    return members


def _checked(unions: Sequence[Sequence[int]], n: int) -> list[tuple[int, ...]]:
    groups = [tuple(union) for union in unions]
    listed = sorted(player for group in groups for player in group)
    if listed != list(range(n)) or not all(groups):
        raise ValueError(
            f"Unions part the players 0..{n - 1}: each is in exactly one, and none is empty, but "
            f"got {groups}. Give players of no union one of their own."
        )
    return groups
