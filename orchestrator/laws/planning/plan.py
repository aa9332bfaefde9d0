"""What a compute-optimal plan is: size and tokens for a budget, with intervals and an exponent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from orchestrator.laws.law import Array

FLOPS_PER_PARAMETER_TOKEN = 6.0
"""C = 6 N D (Kaplan et al. 2020, section 2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """N* and D* at given budgets by one method.

    Args:
        method: "parametric", "isoflop" or "envelope".
        flops: Budgets, (m,).
        size: Optimal parameters, (m,).
        size_interval: 95 % interval, (m, 2).
        tokens: Optimal tokens, (m,).
        tokens_interval: 95 % interval, (m, 2).
        exponent: a in N* ~ C^a.
        exponent_interval: Its 95 % interval.
        notes: What to know before trusting it.
    """

    method: str
    flops: Array
    size: Array
    size_interval: Array
    tokens: Array
    tokens_interval: Array
    exponent: float
    exponent_interval: tuple[float, float]
    notes: tuple[str, ...] = ()

    @property
    def tokens_per_parameter(self) -> Array:
        """D*/N*, (m,)."""
        return np.asarray(self.tokens / self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """How far plans are apart at one budget."""

    flops: float
    ratio: float
    overlap: bool
    statement: str


def disagreement(plans: list[Plan], flops: float) -> Disagreement:
    """State how far the plans' N* lie apart at a budget.

    Raises:
        ValueError: Fewer than two plans.
    """
    if len(plans) < 2:
        message = f"Plans are compared in twos and more, but got {len(plans)}."
        raise ValueError(message)
    sizes, lows, highs = {}, [], []
    for plan in plans:
        k = int(np.argmin(np.abs(np.log(plan.flops / flops))))
        sizes[plan.method] = float(plan.size[k])
        lows.append(float(plan.size_interval[k, 0]))
        highs.append(float(plan.size_interval[k, 1]))
    ratio = max(sizes.values()) / min(sizes.values())
    overlap = max(lows) <= min(highs)
    listed = ", ".join(f"{name} {size:.3g}" for name, size in sizes.items())
    verdict = "their intervals share a range" if overlap else "their intervals do not all overlap"
    if not np.isfinite([*lows, *highs]).all():
        verdict = "their intervals are not known"
    return Disagreement(
        flops=flops, ratio=ratio, overlap=overlap,
        statement=(
            f"At {flops:.3g} FLOPs the optimal sizes are {listed}: a factor of {ratio:.2f} apart; "
            f"{verdict}."
        ),
    )  # fmt: skip


def plan_from_line(
    method: str,
    *,
    flops: Array,  # (m,)
    line: Array,  # (2,), log N = line[0] + line[1] (log C - centre)
    draws: Array,  # (R, 2)
    centre: float,
    notes: tuple[str, ...],
) -> Plan:
    """Make a plan from a fitted line log N* = p + a (log C - centre) and its resampled lines."""
    distance = np.log(flops) - centre
    size = np.exp(line[0] + line[1] * distance)
    sizes = np.exp(draws[:, :1] + draws[:, 1:] * distance)
    low, high = np.quantile(sizes, [0.025, 0.975], axis=0)
    ends = np.quantile(draws[:, 1], [0.025, 0.975])
    per = FLOPS_PER_PARAMETER_TOKEN
    return Plan(
        method=method, flops=flops, size=size, size_interval=np.stack([low, high], axis=1),
        tokens=flops / (per * size),
        tokens_interval=np.stack([flops / (per * high), flops / (per * low)], axis=1),
        exponent=float(line[1]), exponent_interval=(float(ends[0]), float(ends[1])), notes=notes,
    )  # fmt: skip


def fit_line(x: Array, y: Array, weights: Array) -> tuple[Array, Array]:
    """Weighted straight lines for each row of weights: intercepts and slopes, (R,) each."""
    total = weights.sum(axis=1)
    mean_x, mean_y = (weights @ x) / total, (weights @ y) / total
    dx, dy = x - mean_x[:, None], y - mean_y[:, None]
    square = (weights * dx**2).sum(axis=1)
    slope = np.divide(
        (weights * dx * dy).sum(axis=1), square, out=np.full(square.shape, np.nan),
        where=square > 1e-12,
    )  # fmt: skip
    return mean_y - slope * mean_x, slope
