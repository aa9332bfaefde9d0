"""All equilibria of a bimatrix game by enumeration of supports (Porter, Nudelman, Shoham 2008).

In a game that is not degenerate both supports of an equilibrium have one size k, and the others'
strategy makes all strategies of a support equally good: two k x k linear systems for each pair.
Strategies outside the support are exactly 0 and are never tested for their sign, which is how
equilibria get lost to zeros that come out at -1e-18. Pairs in which a strategy is strictly
dominated given the other support are left out first (ibid., section 3.2); that test is exact.
Between 5 and 13 strategies the vertices of the best-reply polytopes are quicker and asked first.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.inputs import DegenerateGameWarning, check_bimatrix, scale_of
from orchestrator.game.normal_form.equilibrium import Equilibrium
from orchestrator.game.normal_form.extreme_equilibria import extreme_equilibria
from orchestrator.game.normal_form.vertex_pairs import equilibria_by_vertices
from orchestrator.game.normal_form.zero_sum import equalising

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAX_SUPPORT_PAIRS = 50_000_000
_TOLERANCE = 1e-9  # of payoffs scaled to a range of 1
_CHUNK = 20_000
LEAST_FOR_VERTICES, MOST_FOR_VERTICES = 5, 13
"""Strategies for which the vertices of the best-reply polytopes are the quicker way."""


def support_enumeration(
    row_payoffs: ArrayLike,  # (m, n)
    column_payoffs: ArrayLike,  # (m, n)
) -> tuple[Equilibrium, ...]:
    """Return every Nash equilibrium of a bimatrix game, smallest supports first.

    A degenerate game (some strategy has more best replies than it has pure strategies) can have
    infinitely many. Then the extreme ones are returned, found by another algorithm: every
    equilibrium is a mixture of extreme ones.

    Args:
        row_payoffs: Payoffs of the row player.
        column_payoffs: Payoffs of the column player, in the same orientation.

    Raises:
        ValueError: The payoffs are not finite, do not match, or have too many pairs of supports.

    Warns:
        DegenerateGameWarning: The game is degenerate.
    """
    a, b = check_bimatrix(row_payoffs, column_payoffs)
    m, n = a.shape
    pairs = comb(m + n, n) - 1
    if pairs > MAX_SUPPORT_PAIRS:
        raise ValueError(
            f"A game has at most {MAX_SUPPORT_PAIRS:,} pairs of supports here, but got {pairs:,} "
            f"for {m} x {n} strategies. Find some equilibria with lemke_howson, or drop dominated "
            f"strategies first."
        )
    scaled_a, scaled_b = a / scale_of(a), b / scale_of(b)
    if min(m, n) >= LEAST_FOR_VERTICES and max(m, n) <= MOST_FOR_VERTICES:
        quick = equilibria_by_vertices(scaled_a, scaled_b)
        if quick is not None:
            return tuple(_verified(a, b, row, column) for row, column in quick)
    sizes = range(1, min(m, n) + 1)
    dominated_rows = _dominated_by_size(scaled_a, sizes)
    dominated_columns = _dominated_by_size(scaled_b.T, sizes)
    found: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    degenerate = False
    for size, rows, columns in zip(sizes, dominated_rows, dominated_columns, strict=True):
        of_size, ties = _of_support_size(scaled_a, scaled_b, (rows, columns), size)
        found += of_size
        degenerate = degenerate or ties
    if degenerate:
        warnings.warn(
            f"The {m} x {n} game is degenerate: a strategy has more best replies than pure "
            f"strategies, so that there may be infinitely many equilibria. The extreme ones are "
            f"returned.",
            DegenerateGameWarning,
            stacklevel=2,
        )
        return extreme_equilibria(a, b)
    return tuple(_verified(a, b, row, column) for row, column in found)


def _verified(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    row: NDArray[np.float64],
    column: NDArray[np.float64],
) -> Equilibrium:
    of_rows, of_columns = a @ column, row @ b
    regret = max(of_rows.max() - row @ of_rows, of_columns.max() - of_columns @ column, 0.0)
    return Equilibrium(row=row, column=column, regret=float(regret))


def _of_support_size(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    dominated: tuple[NDArray[np.int64], NDArray[np.int64]],
    size: int,
) -> tuple[list[tuple[NDArray[np.float64], NDArray[np.float64]]], bool]:
    """Return the equilibria with supports of one size, and whether ties were met.

    `dominated` holds the masks of rows that are dominated given each column support, and of columns
    given each row support.
    """
    m, n = a.shape
    rows, row_masks = _supports(m, size)
    columns, column_masks = _supports(n, size)
    undominated = (row_masks[:, None] & dominated[0][None, :]) == 0
    undominated &= (column_masks[None, :] & dominated[1][:, None]) == 0
    row_index, column_index = np.nonzero(undominated)
    found = []
    degenerate = False
    for start in range(0, len(row_index), _CHUNK):
        r = rows[row_index[start : start + _CHUNK]]
        c = columns[column_index[start : start + _CHUNK]]
        keep, y, ties = _best_replies(a, r, c)
        degenerate = degenerate or ties
        r, c, y = r[keep], c[keep], y[keep]
        keep, x, ties = _best_replies(b.T, c, r)
        degenerate = degenerate or ties
        for row_support, column_support, p, q in zip(
            r[keep], c[keep], x[keep], y[keep], strict=True
        ):
            row, column = np.zeros(m), np.zeros(n)
            row[row_support], column[column_support] = p, q
            found.append((row, column))
    return found, degenerate


def _best_replies(
    payoffs: NDArray[np.float64],  # (m, n)
    own: NDArray[np.int64],  # (pairs, k)
    others: NDArray[np.int64],  # (pairs, k)
) -> tuple[NDArray[np.bool_], NDArray[np.float64], bool]:
    """Return which pairs have a strategy on `others` to which all of `own` are best replies.

    Returns:
        Whether (pairs,), the strategy (pairs, k), and whether a tie was met among these.
    """
    if own.shape[0] == 0:
        return np.zeros(0, dtype=np.bool_), np.zeros(others.shape), False
    m, n = payoffs.shape
    # flat indices: several times quicker than one index an axis
    systems = payoffs.ravel().take((own * n)[:, :, None] + others[:, None, :])
    strategy, singular = _solved(systems)
    inside = np.flatnonzero(strategy.min(axis=1) >= -_TOLERANCE)
    each = np.arange(inside.size)[:, None]
    full = np.zeros((inside.size, n))
    full.ravel()[each * n + others[inside]] = strategy[inside]
    of_all = full @ payoffs.T
    levels = of_all.ravel().take(each * m + own[inside])
    best = of_all.max(axis=1)
    is_best = levels.min(axis=1) >= best - _TOLERANCE
    chosen = inside[is_best]
    keep = np.zeros(own.shape[0], dtype=np.bool_)
    if chosen.size == 0:
        return keep, strategy, False
    keep[chosen] = True
    too_many = (of_all[is_best] >= best[is_best][:, None] - _TOLERANCE).sum(axis=1)
    tied = (
        bool((too_many > own.shape[1]).any())
        or bool((strategy[chosen] <= _TOLERANCE).any())
        or bool(singular[chosen].any())
    )
    return keep, strategy, tied


def _solved(
    systems: NDArray[np.float64],  # (pairs, k, k)
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the equalising strategies, and which systems were singular (least norm then)."""
    none_singular = np.zeros(systems.shape[0], dtype=np.bool_)
    try:
        return equalising(systems), none_singular
    except np.linalg.LinAlgError:
        pass
    strategies = np.empty(systems.shape[:2])
    singular = none_singular
    for index, system in enumerate(systems):
        try:
            strategies[index] = equalising(system)
        except np.linalg.LinAlgError:
            singular[index] = True
            equations = system - system[:1]
            equations[0] = 1.0
            right = np.zeros(len(system))
            right[0] = 1.0
            strategies[index] = np.linalg.lstsq(equations, right, rcond=None)[0]
    return strategies, singular


def _dominated_by_size(
    payoffs: NDArray[np.float64],  # (m, n)
    sizes: range,
) -> list[NDArray[np.int64]]:
    """Return, for each size, which rows are dominated given each column support of that size."""
    masks = [_supports(payoffs.shape[1], size)[1] for size in sizes]
    ends = np.cumsum([len(of_size) for of_size in masks])[:-1]
    return np.split(_dominated(_worse_on(payoffs), np.concatenate(masks)), ends)


def _worse_on(
    payoffs: NDArray[np.float64],  # (m, n)
) -> NDArray[np.int64]:  # (m, m)
    """Return the mask of columns on which row i earns less than row k, at [i, k]."""
    bits = np.left_shift(np.int64(1), np.arange(payoffs.shape[1], dtype=np.int64))
    masks: NDArray[np.int64] = (payoffs[:, None, :] < payoffs[None, :, :]).astype(np.int64) @ bits
    return masks


def _dominated(
    worse_on: NDArray[np.int64],  # (m, m)
    supports: NDArray[np.int64],  # masks of columns
) -> NDArray[np.int64]:
    """Return the mask of rows that another row strictly dominates, for each column support."""
    is_dominated = ((supports[:, None, None] & ~worse_on) == 0).any(axis=2)
    bits = np.left_shift(np.int64(1), np.arange(len(worse_on), dtype=np.int64))
    masks: NDArray[np.int64] = is_dominated.astype(np.int64) @ bits
    return masks


@lru_cache(maxsize=64)
def _supports(n: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all supports of a size as indices (supports, size) and as masks (supports,)."""
    indices = np.array(list(combinations(range(n), size)), dtype=np.int64)
    masks = np.left_shift(np.int64(1), indices).sum(axis=1)
    indices.flags.writeable = masks.flags.writeable = False
    return indices, masks
