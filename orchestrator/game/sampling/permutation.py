"""Shapley's value by antithetic permutations (Castro et al. 2009; Mitchell et al. 2022).

Players leave the full coalition one after another, and each is credited with the fall of v. A
permutation and its reverse are averaged before anything else: their errors cancel exactly in games
of order 2 or less (of two players one leaves first in one of them, and second in the other).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.coalitions import evaluated
from orchestrator.game.sampling.estimate import (
    Estimate,
    bernstein_half_widths,
    check_sampled_players,
    student_half_widths,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.game.coalitions import ValueFunction
    from orchestrator.game.sampling.estimate import Stopping

_ROWS_AT_ONCE = 16_384
_FIRST_PAIRS = 8


def permutation_shapley(
    value_function: ValueFunction,
    n: int,
    *,
    stopping: Stopping,
    rng: np.random.Generator,
    truncation: float = 0.0,
) -> Estimate:
    """Estimate all Shapley values from pairs of a permutation and its reverse.

    The estimate is unbiased and sums to v(all) - v(none) exactly.

    Args:
        value_function: v for many coalitions at once, (m, n) -> (m,).
        n: Number of players.
        stopping: Budget and precision.
        rng: Source of the permutations.
        truncation: A walk from the full coalition ends where v is this near to v(none), in units of
            v; those that remain share the rest alike (Ghorbani, Zou 2019, algorithm 1, from the
            other side: a model from which much is removed is as bad as an empty one). Each value is
            then biased by at most twice this. 0 walks to the end.

    Raises:
        ValueError: The budget is below one pair (2n), v is not finite, or leaves `value_range`.
    """
    stopping.with_known_range()
    check_sampled_players(n, stopping, 2 * n)
    if truncation < 0:
        raise ValueError(
            f"`truncation >= 0` must hold, but got truncation={truncation}. 0 switches it off."
        )
    ends = evaluated(value_function, np.array([[False] * n, [True] * n]))
    empty, full = float(ends[0]), float(ends[1])
    evaluations = 2
    pair_cost = max(2 * (n - 1), 1)
    most_pairs = max(_ROWS_AT_ONCE // pair_cost, 1)
    samples: list[NDArray[np.float64]] = []
    look, pairs = 0, _FIRST_PAIRS if stopping.precision else most_pairs
    while True:
        affordable = (stopping.budget - evaluations) // pair_cost
        pairs = min(pairs, affordable, most_pairs)
        if pairs < 1:
            break
        forward = np.argsort(rng.random((pairs, n)), axis=1)
        ranks = np.concatenate([forward, n - 1 - forward])  # when each player leaves
        if truncation > 0:
            contributions, used = _truncated_walks(
                value_function, ranks, empty, full, truncation=truncation
            )
        else:
            contributions, used = _walks(value_function, ranks, empty, full)
        evaluations += used
        samples.append((contributions[:pairs] + contributions[pairs:]) / 2)
        look += 1
        estimate = _estimate(samples, stopping, look=look, evaluations=evaluations)
        if estimate.is_precise or n == 1:
            break
        pairs = max(sum(map(len, samples)) // 2, 1)  # look again when there is half as much more
    return estimate


def _walks(
    value_function: ValueFunction,
    ranks: NDArray[np.int64],  # (walks, n)
    empty: float,
    full: float,
) -> tuple[NDArray[np.float64], int]:
    """Return every player's contribution in every walk, (walks, n), and the evaluations used."""
    walks, n = ranks.shape
    steps = np.arange(1, n)
    coalitions = ranks[:, None, :] >= steps[None, :, None]
    values = np.empty((walks, n + 1))
    values[:, 0], values[:, n] = full, empty
    if n > 1:
        values[:, 1:n] = evaluated(value_function, coalitions.reshape(-1, n)).reshape(walks, n - 1)
    falls = values[:, :-1] - values[:, 1:]
    return np.take_along_axis(falls, ranks, axis=1), walks * (n - 1)


def _truncated_walks(
    value_function: ValueFunction,
    ranks: NDArray[np.int64],  # (walks, n)
    empty: float,
    full: float,
    *,
    truncation: float,
) -> tuple[NDArray[np.float64], int]:
    """Do the same, ending walks whose value has come near v(none)."""
    walks, n = ranks.shape
    falls = np.zeros((walks, n))
    current = np.full(walks, full)
    walking = np.arange(walks)
    used = 0
    for step in range(n):
        done = np.abs(current - empty) <= truncation
        falls[walking[done], step:] = ((current[done] - empty) / (n - step))[:, None]
        walking, current = walking[~done], current[~done]
        if walking.size == 0:
            break
        if step == n - 1:
            falls[walking, step] = current - empty
            break
        after = evaluated(value_function, ranks[walking] > step)
        used += walking.size
        falls[walking, step] = current - after
        current = after
    return np.take_along_axis(falls, ranks, axis=1), used


def _estimate(
    samples: list[NDArray[np.float64]], stopping: Stopping, *, look: int, evaluations: int
) -> Estimate:
    together = np.concatenate(samples)
    count, n = together.shape
    errors = np.full(n, np.inf)
    if n == 1:
        errors = np.zeros(1)
    elif count > 1:
        errors = together.std(axis=0, ddof=1) / np.sqrt(count)
    half_widths = (
        np.zeros(1)
        if n == 1
        else student_half_widths(
            errors, degrees_of_freedom=count - 1.0, risk=stopping.risk_at(look)
        )
    )
    if stopping.value_range is not None and n > 1:
        largest = float(np.abs(together).max())
        if largest > stopping.value_range * (1 + 1e-9):
            raise ValueError(
                f"No contribution can exceed value_range, but got {largest:g} with "
                f"value_range={stopping.value_range:g}. Give the largest minus the smallest v."
            )
        half_widths = bernstein_half_widths(
            together.var(axis=0),
            np.full(n, float(count)),
            width=2 * stopping.value_range,
            risk=stopping.risk_at(look) / n,
        )
    return Estimate(
        values=together.mean(axis=0),
        standard_errors=errors,
        half_widths=half_widths,
        evaluations=evaluations,
        is_precise=stopping.precision is not None
        and bool((half_widths <= stopping.precision).all()),
    )
