"""Multi-power law: whole loss curves under any schedule (Luo et al. 2025, arXiv:2503.12811, eq. 4).

The law reads the learning rate of every step, so it is built for given schedules: its inputs are
then the number of the curve and the step. Neighbouring steps are merged into blocks where the
learning rate changes smoothly (the midpoint rule: error of second order in the block), which makes
a fit cheap; `block=1` is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.law import (
    Array,
    Evaluation,
    Input,
    Integers,
    Law,
    Parameter,
    coefficient,
    exponent,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MOST_TERMS = 1_000_000


def build(
    schedules: Sequence[Array],  # one (steps,) array a curve: the learning rate of every step
    *,
    block: int = 1,
) -> Law:
    """Make the law for given schedules.

    Args:
        schedules: Learning rate at every step, from step 0, warm-up included.
        block: How many steps may share one term of the loss-drop sum.

    Raises:
        ValueError: No schedule, a negative rate, or a block below one.
    """
    if not schedules or block < 1:
        message = f"At least one schedule and `block >= 1` are needed, but got block={block}."
        raise ValueError(message)
    tables = [_Drops.of(np.asarray(rates, dtype=np.float64), block) for rates in schedules]

    def evaluate(p: tuple[Array, ...], x: tuple[Array, ...]) -> Evaluation:
        return _evaluate(p, x, tables)

    def design(rng: np.random.Generator, count: int) -> tuple[Array, ...]:
        curve = rng.integers(0, len(schedules), count)
        lengths = np.array([len(rates) for rates in schedules])[curve]
        first = 0.1 * lengths
        return curve.astype(float), np.floor(first + rng.random(count) * (lengths - 1 - first))

    return Law(
        name="multi_power",
        formula=(
            "L = L0 + A S1^-alpha - B sum_k (lr_(k-1) - lr_k) (1 - (1 + C S_k/lr_k^gamma)^-beta)"
        ),
        paper="Luo et al. 2025 (arXiv:2503.12811), eq. 4",
        inputs=(
            Input(name="curve", unit="index of the schedule", span=(0, 9), positive=False),
            Input(name="step", unit="steps", span=(0, 1e6), positive=False),
        ),
        output=Input(name="L", unit="nats/token", span=(1, 6)),
        parameters=(
            coefficient("L0", "nats/token", example=2.65),
            coefficient("A", "nats/token", example=0.6),
            exponent("alpha", example=0.45, start=(0.2, 0.9)),
            coefficient("B", "nats/token / learning rate", example=438.0),
            Parameter(
                name="C", unit="1", start=(0.01, 10.0), example=2.1, low=1e-8, high=1e6,
                scale="log",
            ),
            exponent("beta", example=0.6, start=(0.1, 2.0), high=1e3),
            exponent("gamma", example=0.65, start=(0.2, 1.2)),
        ),
        evaluate=evaluate,
        noise=0.0005,
        design=design,
        note="C, beta and gamma run together: read the curve, not them.",
    )  # fmt: skip


class _Drops:
    """Terms of the loss drop of one schedule: falls of the learning rate, merged into blocks."""

    def __init__(
        self, *, total: Array, fall: Array, rate: Array, before: Array, step: Integers
    ) -> None:
        self.total = total  # (steps,) sum of learning rates up to and with each step
        self.fall = fall  # (K,) fall of the learning rate in the block (negative in warm-up)
        self.log_rate = np.log(rate)  # (K,)
        self.before = before  # (K,) sum of learning rates before the block
        self.step = step  # (K,) last step of the block

    @classmethod
    def of(cls, rates: Array, block: int) -> _Drops:
        if (rates < 0).any():
            message = f"Learning rates must not be negative, but got {rates.min()}."
            raise ValueError(message)
        total = np.cumsum(rates)
        fall = rates[:-1] - rates[1:]
        where = np.flatnonzero((fall != 0) & (rates[1:] > 0))
        # A jump, or the first steps of warm-up where the rate multiplies, keeps a term of its own.
        relative = np.abs(fall[where]) / rates[where + 1]
        alone = relative > 0.3 / block
        label = np.cumsum(alone | np.concatenate([[True], np.diff(where) != 1]))
        if not where.size:
            none = np.empty(0)
            return cls(
                total=total, fall=none, rate=np.ones(0), before=none,
                step=np.empty(0, dtype=np.int64),
            )  # fmt: skip
        starts = np.concatenate([[0], np.flatnonzero(np.diff(label)) + 1])
        offset = np.arange(where.size) - starts[label - 1]
        group = np.cumsum((offset % block == 0) | alone) - 1
        count = np.bincount(group)
        return cls(
            total=total,
            fall=np.bincount(group, weights=fall[where]).astype(np.float64),
            rate=np.exp(np.bincount(group, weights=np.log(rates[where + 1])) / count),
            before=np.bincount(group, weights=total[where]) / count,
            step=np.maximum.reduceat(where + 1, np.flatnonzero(np.diff(group, prepend=-1))),
        )


def _evaluate(p: tuple[Array, ...], x: tuple[Array, ...], tables: list[_Drops]) -> Evaluation:
    floor, a, alpha, b, *_ = p
    curve, step = x[0].astype(np.int64), x[1].astype(np.int64)
    batch, rows = floor.shape[0], step.size
    area = np.empty(rows)
    drop, by_c, by_beta, by_gamma = (np.zeros((batch, rows)) for _ in range(4))
    for index, table in enumerate(tables):
        everyone = np.flatnonzero(curve == index)
        if everyone.size == 0:
            continue
        area[everyone] = table.total[step[everyone]]
        # Few rows at a time, so that the (rows, terms) arrays stay small.
        slices = max(1, everyone.size * table.step.size // _MOST_TERMS)
        for mine in np.array_split(everyone, slices):
            parts = _loss_drop(p, table, step[mine])
            for whole, part in zip((drop, by_c, by_beta, by_gamma), parts, strict=True):
                whole[:, mine] = part
    log_area = np.log(area)
    shape = np.exp(-alpha * log_area)
    value = floor + a * shape - b * drop
    return value, (
        np.ones((1, 1)),
        shape,
        -a * log_area * shape,
        -drop,
        -b * by_c,
        -b * by_beta,
        -b * by_gamma,
    )


def _loss_drop(
    p: tuple[Array, ...], table: _Drops, step: NDArray[np.int64]
) -> tuple[Array, Array, Array, Array]:
    """Compute the drop at each step and its derivatives by C, beta and gamma, (B, m) each."""
    c, beta, gamma = p[4], p[5], p[6]
    shape = (c.shape[0], step.size)
    drop, by_c, by_beta, by_gamma = (np.zeros(shape) for _ in range(4))
    # Terms that lie behind each row, flattened: row by row, S_k(t) beside each.
    past = table.step[None, :] <= step[:, None]
    count = past.sum(axis=1)
    if not count.any():
        return drop, by_c, by_beta, by_gamma
    distance = (table.total[step][:, None] - table.before[None, :])[past]
    fall = np.broadcast_to(table.fall, past.shape)[past]
    which = np.broadcast_to(np.arange(table.step.size), past.shape)[past]
    log_rate = table.log_rate[which]
    bounds = np.concatenate([[0], np.cumsum(count)[:-1]])[count > 0]
    reached = np.flatnonzero(count)
    for k in range(shape[0]):
        grown = (c[k, 0] * np.exp(-gamma[k, 0] * table.log_rate))[which] * distance
        log_inside = np.log1p(grown)
        slope = fall * np.exp(-beta[k, 0] * log_inside)
        drop[k, reached] = np.add.reduceat(fall - slope, bounds)
        by_beta[k, reached] = np.add.reduceat(slope * log_inside, bounds)
        slope *= beta[k, 0] * grown / (1.0 + grown)
        by_c[k, reached] = np.add.reduceat(slope, bounds) / c[k, 0]
        by_gamma[k, reached] = -np.add.reduceat(slope * log_rate, bounds)
    return drop, by_c, by_beta, by_gamma


def _cosine(steps: int, warmup: int, peak: float, end: float) -> Array:
    after = np.arange(steps - warmup) / (steps - warmup)
    return np.concatenate(
        [np.linspace(0, peak, warmup), end + 0.5 * (peak - end) * (1 + np.cos(np.pi * after))]
    )


def _step_down(steps: int, warmup: int, peak: float, low: float, turn: int) -> Array:
    rates = np.full(steps, peak)
    rates[:warmup] = np.linspace(0, peak, warmup)
    rates[turn:] = low
    return rates


LAW = build(
    (
        _cosine(2000, 200, 3e-3, 3e-4),
        _step_down(2000, 200, 3e-3, 3e-3, 2000),
        _step_down(2000, 200, 3e-3, 9e-4, 1000),
        _step_down(2000, 200, 3e-3, 3e-4, 1000),
    ),
    block=8,
)
"""The law for four schedules of 2,000 steps, for listings and tests; use `build` for yours."""
