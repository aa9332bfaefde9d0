"""Coalitions as bit masks and boolean rows; tables of their values (Shapley 1953, section 1).

Notation of the whole package:

    n         players (components of a model); player k is bit k of a mask
    mask      integer in 0 .. 2^n - 1; 0 is the empty coalition, 2^n - 1 the grand one
    values    NDArray (2^n,): v(S) at the mask of S
    matrix    NDArray[bool] (m, n): one coalition a row, True where the player is in it
    s, |S|    size of a coalition
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Values = NDArray[np.float64]  # (2^n,)
    CoalitionMatrix = NDArray[np.bool_]  # (m, n)
    Masks = NDArray[np.int64]  # (m,)
    ValueFunction = Callable[[CoalitionMatrix], NDArray[np.float64]]
    """v for many coalitions at once: (m, n) -> (m,)."""

MAX_TABLE_PLAYERS = 24
"""A table of 2^24 values takes 128 MiB; one player more doubles time and memory."""
_MAX_MASK_PLAYERS = 62


def check_players(n: int) -> None:
    """Raise ValueError unless a game of n players has a table of affordable size."""
    if n < 1:
        raise ValueError(
            f"A game needs at least 1 player, but got {n}. Leave out games without components."
        )
    if n > MAX_TABLE_PLAYERS:
        raise ValueError(
            f"Exact values need a table of 2^n numbers with n <= {MAX_TABLE_PLAYERS}, but got "
            f"n={n}. Use a sampler instead: orchestrator.game.sampling.permutation_shapley, "
            f"leverage_shapley or banzhaf_by_sample_reuse."
        )


def check_values(values: ArrayLike) -> Values:
    """Return a value table as float64, and insist that it is one.

    Raises:
        ValueError: Its length is no power of two (at least 2), or a value is not finite.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 1 or table.size < 2 or table.size & (table.size - 1):
        raise ValueError(
            f"A value table has one dimension and 2^n values, n >= 1, but got the shape "
            f"{table.shape}. Order the values by bit mask: v(empty), v({{0}}), v({{1}}), "
            f"v({{0, 1}}), ..."
        )
    if not np.isfinite(table).all():
        mask = int(np.flatnonzero(~np.isfinite(table))[0])
        raise ValueError(
            f"All values of a game must be finite, but got v={table[mask]} at mask {mask} "
            f"(players {players_of(mask)}). Measure that coalition again or leave the game out."
        )
    check_players(num_players(table))
    return table


def num_players(values: Values) -> int:
    """Return n for a table of 2^n values."""
    return values.size.bit_length() - 1


def players_of(mask: int) -> tuple[int, ...]:
    """Return the players of a mask, ascending.

    >>> players_of(0b1101)
    (0, 2, 3)
    """
    return tuple(k for k in range(mask.bit_length()) if mask >> k & 1)


def mask_of(players: tuple[int, ...]) -> int:
    """Return the mask of a set of players.

    >>> mask_of((0, 2, 3))
    13
    """
    return sum(1 << player for player in set(players))


def sizes(n: int) -> NDArray[np.uint8]:
    """Return |S| for every mask of n players, shape (2^n,)."""
    check_players(n)
    return np.bitwise_count(np.arange(1 << n, dtype=np.uint32))


def masks_of_size(n: int, size: int) -> Masks:
    """Return the masks of all coalitions of a size, ascending."""
    return np.flatnonzero(sizes(n) == size).astype(np.int64)


def all_coalitions(n: int) -> CoalitionMatrix:
    """Return every coalition of n players as a boolean row, in the order of masks: (2^n, n).

    >>> all_coalitions(2).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    check_players(n)
    return matrix_of(np.arange(1 << n, dtype=np.int64), n)


def matrix_of(
    masks: Masks,  # (m,)
    n: int,
) -> CoalitionMatrix:
    """Return masks as boolean rows, shape (m, n)."""
    return (masks[:, None] >> np.arange(n) & 1).astype(np.bool_)


def masks_of(
    matrix: CoalitionMatrix,  # (m, n)
) -> Masks:
    """Return the masks of boolean rows, shape (m,).

    Raises:
        ValueError: The rows are no matrix, or are longer than a 64-bit mask.
    """
    rows = np.asarray(matrix, dtype=np.bool_)
    if rows.ndim != 2 or rows.shape[1] > _MAX_MASK_PLAYERS:
        raise ValueError(
            f"A coalition matrix is (coalitions, players) with at most {_MAX_MASK_PLAYERS} "
            f"players, but got the shape {rows.shape}. Keep larger coalitions as boolean rows."
        )
    weights = np.left_shift(np.int64(1), np.arange(rows.shape[1], dtype=np.int64))
    masks: Masks = rows.astype(np.int64) @ weights
    return masks


def value_table(value_function: ValueFunction, n: int) -> Values:
    """Evaluate all 2^n coalitions of a game in one call.

    Args:
        value_function: v for many coalitions at once, (m, n) -> (m,).
        n: Number of players, 1 to 24.

    Raises:
        ValueError: n is too large for a table, or the values are too few or not finite.
    """
    return evaluated(value_function, all_coalitions(n))


def evaluated(
    value_function: ValueFunction,
    matrix: CoalitionMatrix,  # (m, n)
) -> NDArray[np.float64]:
    """Return v for every row, and insist on one finite value a row.

    Raises:
        ValueError: The function returned another number of values, or one that is not finite.
    """
    values = np.asarray(value_function(matrix), dtype=np.float64)
    if values.shape != (matrix.shape[0],):
        raise ValueError(
            f"A value function returns one value a coalition, shape ({matrix.shape[0]},), but got "
            f"the shape {values.shape}. It is called with a boolean matrix (coalitions, players)."
        )
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        present = np.flatnonzero(matrix[row]).tolist()
        raise ValueError(
            f"All values of a game must be finite, but got v={values[row]} for the coalition "
            f"{present}. Measure it again or bound the loss."
        )
    return values
