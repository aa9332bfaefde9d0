"""Banzhaf's value by maximum sample reuse (Wang, Jia 2023, arXiv:2205.15466).

    phi_k = E[v(S) : k in S] - E[v(S) : k not in S],    S uniform over all coalitions

Every evaluation serves every player: O(log(n) / eps^2) evaluations for all n values.
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
_FIRST_ROWS = 256


def banzhaf_by_sample_reuse(
    value_function: ValueFunction,
    n: int,
    *,
    stopping: Stopping,
    rng: np.random.Generator,
) -> Estimate:
    """Estimate all Banzhaf values from uniformly drawn coalitions.

    Args:
        value_function: v for many coalitions at once, (m, n) -> (m,).
        n: Number of players.
        stopping: Budget and precision.
        rng: Source of the coalitions.

    Raises:
        ValueError: The budget is below 64 evaluations (some player would never be present, or never
            absent), v is not finite, or leaves `value_range`.
    """
    stopping.with_known_range()
    check_sampled_players(n, stopping, 64)
    members: list[NDArray[np.bool_]] = []
    values: list[NDArray[np.float64]] = []
    evaluations = look = 0
    rows = _FIRST_ROWS if stopping.precision else stopping.budget
    while True:
        rows = min(rows, stopping.budget - evaluations)
        for count in _chunks(rows):
            drawn = rng.integers(2, size=(count, n), dtype=np.uint8).astype(np.bool_)
            members.append(drawn)
            values.append(evaluated(value_function, drawn))
        evaluations += rows
        look += 1
        estimate = _estimate(np.concatenate(members), np.concatenate(values), stopping, look=look)
        if estimate.is_precise or evaluations >= stopping.budget:
            return estimate
        rows = max(evaluations // 2, 1)


def _chunks(rows: int) -> list[int]:
    whole, rest = divmod(rows, _ROWS_AT_ONCE)
    return [_ROWS_AT_ONCE] * whole + ([rest] if rest else [])


def _estimate(
    members: NDArray[np.bool_], values: NDArray[np.float64], stopping: Stopping, *, look: int
) -> Estimate:
    total, n = members.shape
    present = members.sum(axis=0).astype(np.float64)
    absent = total - present
    if min(present.min(), absent.min()) < 2:
        raise ValueError(
            f"Each player must be present twice and absent twice among the draws, but got "
            f"{int(min(present.min(), absent.min()))} of {total}. Raise the budget."
        )
    centre = float(values.mean())
    centred = values - centre
    sum_present, square_present = centred @ members, centred**2 @ members
    sum_absent, square_absent = centred.sum() - sum_present, (centred**2).sum() - square_present
    mean_present, mean_absent = sum_present / present, sum_absent / absent
    var_present = np.maximum(square_present / present - mean_present**2, 0.0)
    var_absent = np.maximum(square_absent / absent - mean_absent**2, 0.0)
    errors = np.sqrt(var_present / (present - 1) + var_absent / (absent - 1))
    half_widths = student_half_widths(
        errors,
        degrees_of_freedom=np.minimum(present, absent) - 1,
        risk=stopping.risk_at(look),
    )
    if stopping.value_range is not None:
        spread = float(values.max() - values.min())
        if spread > stopping.value_range * (1 + 1e-9):
            raise ValueError(
                f"No two values can differ by more than value_range, but got a difference of "
                f"{spread:g} with value_range={stopping.value_range:g}. Give the largest minus the "
                f"smallest v."
            )
        risk = stopping.risk_at(look) / (2 * n)
        half_widths = bernstein_half_widths(
            var_present, present, width=stopping.value_range, risk=risk
        ) + bernstein_half_widths(var_absent, absent, width=stopping.value_range, risk=risk)
    return Estimate(
        values=mean_present - mean_absent,
        standard_errors=errors,
        half_widths=half_widths,
        evaluations=total,
        is_precise=stopping.precision is not None
        and bool((half_widths <= stopping.precision).all()),
    )
