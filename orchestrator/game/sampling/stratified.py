"""Shapley's value by strata of coalition size, with Neyman's allocation (Castro et al. 2017).

    phi_k = (1/n) sum_{s=0}^{n-1} E[v(S + k) - v(S) : |S| = s, k not in S]

The strata s = 0 and s = n - 1 are evaluated completely. In the others one draw serves all players:
a random chain A < B of sizes s and s + 1 and their neighbours give each player one contribution to
a uniformly drawn coalition of size s, for n + 1 evaluations. After a pilot, sizes at which
contributions vary more get more draws, in proportion to their standard deviation (Neyman 1934).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.coalitions import evaluated
from orchestrator.game.sampling.estimate import (
    Estimate,
    check_sampled_players,
    student_half_widths,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.game.coalitions import ValueFunction
    from orchestrator.game.sampling.estimate import Stopping

_PILOT_DRAWS = 4
_DRAWS_AT_ONCE = 256


def stratified_shapley(
    value_function: ValueFunction,
    n: int,
    *,
    stopping: Stopping,
    rng: np.random.Generator,
) -> Estimate:
    """Estimate all Shapley values from draws stratified by coalition size.

    Half-widths are Student's for all players at once, with Welch's degrees of freedom (1947). Exact
    for n <= 2, and for additive games.

    Args:
        value_function: v for many coalitions at once, (m, n) -> (m,).
        n: Number of players.
        stopping: Budget and precision; `value_range` is not needed.
        rng: Source of the draws.

    Raises:
        ValueError: The budget is below the pilot, 2 + 2n + 2 (n - 2)(n + 1), or v is not finite.
    """
    strata = max(n - 2, 0)
    draw_cost = n + 1
    least = 2 if n == 1 else 2 + 2 * n + 2 * strata * draw_cost
    check_sampled_players(n, stopping, least)
    ends, edges = _complete_strata(value_function, n)
    evaluations = 2 if n == 1 else 2 + 2 * n
    sampled: list[list[NDArray[np.float64]]] = [[] for _ in range(strata)]
    affordable = (stopping.budget - evaluations) // draw_cost
    wanted = np.full(strata, min(_PILOT_DRAWS, affordable // max(strata, 1)), dtype=np.int64)
    look = 0
    while True:
        for index in np.flatnonzero(wanted):
            for count in _chunks(int(wanted[index])):
                sampled[index].append(_draws(value_function, n, int(index) + 1, count, rng))
        evaluations += int(wanted.sum()) * draw_cost
        look += 1
        estimate = _estimate(ends, edges, sampled, stopping, look=look, evaluations=evaluations)
        affordable = (stopping.budget - evaluations) // draw_cost
        if estimate.is_precise or affordable < 1 or strata == 0:
            return estimate
        have = np.array([sum(map(len, draws)) for draws in sampled])
        more = min(affordable, int(have.sum())) if stopping.precision else affordable
        wanted = _neyman(sampled, have, more)


def _complete_strata(value_function: ValueFunction, n: int) -> tuple[float, NDArray[np.float64]]:
    """Return v(all) - v(none), and each player's contributions of sizes 0 and n - 1 added, (n,)."""
    none, every = np.zeros((1, n), dtype=np.bool_), np.ones((1, n), dtype=np.bool_)
    if n == 1:
        empty, full = evaluated(value_function, np.concatenate([none, every])).tolist()
        return full - empty, np.array([full - empty])
    single = np.eye(n, dtype=np.bool_)
    values = evaluated(value_function, np.concatenate([none, every, single, ~single]))
    empty, full = float(values[0]), float(values[1])
    return full - empty, (values[2 : n + 2] - empty) + (full - values[n + 2 :])


def _draws(
    value_function: ValueFunction, n: int, size: int, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return contributions to coalitions of a size, (count, n): one uniform draw a player."""
    ranks = np.argsort(rng.random((count, n)), axis=1)
    smaller, larger = ranks < size, ranks <= size
    own = np.eye(n, dtype=np.bool_)
    # Player k joins `smaller` if it is outside, and leaves `larger` if it is inside.
    inside = smaller[:, :, None]
    neighbours = np.where(inside, larger[:, None, :] & ~own, smaller[:, None, :] | own)
    pivots = np.argmax(ranks == size, axis=1)  # joins `smaller` to make `larger`: known already
    others = np.arange(n)[None, :] != pivots[:, None]
    rows = np.concatenate([smaller, larger, neighbours[others]])
    values = evaluated(value_function, rows)
    of_smaller, of_larger = values[:count, None], values[count : 2 * count, None]
    of_neighbours = np.empty((count, n))
    of_neighbours[others] = values[2 * count :]
    of_neighbours[~others] = of_larger[:, 0]
    return np.where(smaller, of_larger - of_neighbours, of_neighbours - of_smaller)


def _neyman(
    sampled: list[list[NDArray[np.float64]]], have: NDArray[np.int64], more: int
) -> NDArray[np.int64]:
    """Return how many draws each stratum gets next, so that all of them near Neyman's shares."""
    spread = np.array(
        [np.sqrt(np.concatenate(draws).var(axis=0, ddof=1).sum()) for draws in sampled]
    )
    if not spread.sum() > 0:
        spread = np.ones(len(sampled))
    target = (have.sum() + more) * spread / spread.sum()
    lacking = np.maximum(target - have, 0.0)
    wanted: NDArray[np.int64] = np.floor(more * lacking / lacking.sum()).astype(np.int64)
    wanted[np.argsort(-lacking, kind="stable")[: more - int(wanted.sum())]] += 1
    return wanted


def _chunks(count: int) -> list[int]:
    whole, rest = divmod(count, _DRAWS_AT_ONCE)
    return [_DRAWS_AT_ONCE] * whole + ([rest] if rest else [])


def _estimate(
    ends: float,
    edges: NDArray[np.float64],
    sampled: list[list[NDArray[np.float64]]],
    stopping: Stopping,
    *,
    look: int,
    evaluations: int,
) -> Estimate:
    n = len(edges)
    total, variance, squares = edges.copy(), np.zeros(n), np.zeros(n)
    for draws in sampled:
        contributions = np.concatenate(draws)
        total += contributions.mean(axis=0)
        part = contributions.var(axis=0, ddof=1) / len(contributions)
        variance += part
        squares += part**2 / (len(contributions) - 1)
    values, errors = total / n, np.sqrt(variance) / n
    # The values sum to v(all) - v(none) only on average; the rest is shared by its likely origin.
    gap = ends - float(values.sum())
    if variance.sum() > 0:
        values = values + gap * variance / variance.sum()
    freedom = np.where(squares > 0, variance**2 / np.where(squares > 0, squares, 1.0), 1.0)
    half_widths = student_half_widths(
        errors, degrees_of_freedom=freedom, risk=stopping.risk_at(look)
    )
    return Estimate(
        values=values,
        standard_errors=errors,
        half_widths=half_widths,
        evaluations=evaluations,
        is_precise=stopping.precision is not None
        and bool((half_widths <= stopping.precision).all()),
    )
