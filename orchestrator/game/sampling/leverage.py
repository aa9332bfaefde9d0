"""Shapley's value by paired, leverage-weighted regression (Musco, Witter 2025, arXiv:2410.01917).

KernelSHAP (Lundberg, Lee 2017, theorem 2): phi minimises sum_S mu(S) (v(S) - v(none) - phi(S))^2
with mu(S) = (n-1) / (C(n,s) s (n-s)) subject to phi(N) = v(N) - v(none). Coalitions are drawn by
their leverage, which is 1 / C(n, s): as many of each size. Each is paired with its complement; then
only v(S) - v(N - S) enters, in which all even orders of the Walsh expansion cancel: exact for games
of order 2 or less (Covert, Lee 2021, arXiv:2012.01536, for the pairing). Sizes with fewer
coalitions than draws are evaluated completely.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
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

    from orchestrator.game.coalitions import CoalitionMatrix, ValueFunction
    from orchestrator.game.sampling.estimate import Stopping

_ROUNDS = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pairs:
    """Coalitions of one size and what they are worth more than their complements."""

    size: int
    is_complete: bool
    members: CoalitionMatrix  # (m, n)
    halves: NDArray[np.float64]  # (m,), (v(S) - v(N - S)) / 2


def leverage_shapley(
    value_function: ValueFunction,
    n: int,
    *,
    stopping: Stopping,
    rng: np.random.Generator,
) -> Estimate:
    """Estimate all Shapley values by a regression on pairs of complementary coalitions.

    The values sum to v(all) - v(none) exactly. Standard errors are those of the regression under
    this design (sandwich within each size); half-widths are Student's, for all players at
    once.

    Args:
        value_function: v for many coalitions at once, (m, n) -> (m,).
        n: Number of players.
        stopping: Budget and precision; `value_range` is not needed. Beyond 2^n evaluations the
            values are exact.
        rng: Source of the draws.

    Raises:
        ValueError: The budget is below 4 n + 2 (2^n for small n), or v is not finite.
    """
    check_sampled_players(n, stopping, min(1 << min(n, 40), 4 * n + 2))
    none, every = np.zeros((1, n), dtype=np.bool_), np.ones((1, n), dtype=np.bool_)
    empty, full = evaluated(value_function, np.concatenate([none, every])).tolist()
    levels, draws = _plan(n, (stopping.budget - 2) // 2)
    collected: list[_Pairs] = []
    evaluations = 2
    for size in levels:
        if size not in draws:
            pairs = _evaluated_pairs(value_function, _all_of_size(n, size), complete=True)
            collected.append(pairs)
            evaluations += 2 * len(pairs.halves)
    rounds = _ROUNDS if stopping.precision else 1
    estimate = None
    for look in range(1, rounds + 1):
        for size, total in draws.items():
            # At least 2 of each size come first, so that their spread is known.
            first = max(total // rounds, 2)
            count = first if look == 1 else (total - first) * (look - 1) // max(rounds - 1, 1)
            count -= 0 if look == 1 else (total - first) * (look - 2) // max(rounds - 1, 1)
            if count > 0:
                members = np.argsort(rng.random((count, n)), axis=1) < size
                collected.append(_evaluated_pairs(value_function, members, complete=False))
                evaluations += 2 * count
        if sum(len(pairs.halves) for pairs in collected) >= n - 1 or look == rounds:
            estimate = _estimate(
                collected, n, full - empty, stopping, look=look, evaluations=evaluations
            )
            if estimate.is_precise or not draws:
                break
    assert estimate is not None
    return estimate


def _plan(n: int, pairs: int) -> tuple[range, dict[int, int]]:
    """Return all sizes of the smaller of a pair, and the draws of those not done completely."""
    levels = range(1, n // 2 + 1)
    open_levels = list(levels)
    left = pairs
    while True:
        # One share a size; the middle size pairs with itself and counts half.
        shares = {size: 0.5 if 2 * size == n else 1.0 for size in open_levels}
        total = sum(shares.values())
        complete = [s for s in open_levels if _count(n, s) * total <= left * shares[s]]
        if not complete:
            break
        left -= sum(_count(n, size) for size in complete)
        open_levels = [size for size in open_levels if size not in complete]
    draws = {size: max(int(left * share / total), 2) for size, share in shares.items()}
    while sum(draws.values()) > left:
        draws[max(draws, key=lambda size: draws[size])] -= 1
    return levels, draws


def _count(n: int, size: int) -> int:
    return comb(n, size) // 2 if 2 * size == n else comb(n, size)


def _all_of_size(n: int, size: int) -> CoalitionMatrix:
    """Return all coalitions of a size, one of each complementary pair: (C(n, size), n)."""
    chosen = np.array(list(combinations(range(n), size)), dtype=np.int64)
    members = np.zeros((len(chosen), n), dtype=np.bool_)
    np.put_along_axis(members, chosen, values=True, axis=1)
    return members[members[:, 0]] if 2 * size == n else members


def _evaluated_pairs(
    value_function: ValueFunction, members: CoalitionMatrix, *, complete: bool
) -> _Pairs:
    values = evaluated(value_function, np.concatenate([members, ~members]))
    count = len(members)
    return _Pairs(
        size=int(members[0].sum()),
        is_complete=complete,
        members=members,
        halves=(values[:count] - values[count:]) / 2,
    )


def _estimate(
    collected: list[_Pairs],
    n: int,
    total: float,
    stopping: Stopping,
    *,
    look: int,
    evaluations: int,
) -> Estimate:
    if n == 1:
        exact = np.array([total])
        return Estimate(
            values=exact,
            standard_errors=np.zeros(1),
            half_widths=np.zeros(1),
            evaluations=evaluations,
            is_precise=stopping.precision is not None,
        )
    by_size: dict[int, list[_Pairs]] = {}
    for pairs in collected:
        by_size.setdefault(pairs.size, []).append(pairs)
    gram, moment = np.zeros((n, n)), np.zeros(n)
    parts = []
    for size, group in by_size.items():
        members = np.concatenate([pairs.members for pairs in group])
        halves = np.concatenate([pairs.halves for pairs in group])
        # A pair of size s has weight mu(s); draws stand for all C(n, s) of them alike.
        weight = _count(n, size) / (comb(n, size) * size * (n - size)) / len(halves)
        x = members - size / n  # (1_S - 1/2) projected on sum zero
        y = halves - total / n * (size - n / 2)
        gram += weight * (x.T @ x)
        moment += weight * (x.T @ y)
        parts.append((x, y, weight, group[0].is_complete))
    # gram is singular along the constant vector only: phi = total / n + (a vector of sum zero).
    inverse = np.linalg.pinv(gram, rcond=1e-10, hermitian=True)
    deviation = inverse @ moment
    meat = np.zeros((n, n))
    drawn = 0
    for x, y, weight, is_complete in parts:
        if not is_complete:
            scores = weight * x * (y - x @ deviation)[:, None]
            scores -= scores.mean(axis=0)
            count = len(y)
            meat += scores.T @ scores * count / (count - 1)
            drawn += count
    freedom = max(drawn - (n - 1), 1)
    covariance = inverse @ meat @ inverse * (drawn / freedom)
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    half_widths = student_half_widths(
        errors, degrees_of_freedom=float(freedom), risk=stopping.risk_at(look)
    )
    return Estimate(
        values=total / n + deviation,
        standard_errors=errors,
        half_widths=half_widths,
        evaluations=evaluations,
        is_precise=stopping.precision is not None
        and bool((half_widths <= stopping.precision).all()),
    )
