"""Which of two training curves improves faster from the same fitness on (FIRE-PBT's yardstick).

Dalibard & Jaderberg 2021 (arXiv:2109.13800) assume: of two networks of similar performance that
train with similar hyperparameters, the one that improves faster ends better. Two curves are
therefore laid over each other where both have the *same fitness*, and compared over the tokens that
follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

if TYPE_CHECKING:
    from numpy.typing import NDArray

Curve = tuple[tuple[int, float], ...]
"""(tokens, fitness), tokens ascending strictly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Two curves laid over each other at equal fitness, and what the first gains on the second."""

    lead: float
    """Best fitness of the first less best fitness of the second over the common stretch, nats per
    token; 0 where the curves have no stretch in common."""
    wins: int
    """Points of the first in the common stretch, its start not counted, where it is the fitter."""
    points: int
    """Points of the first in the common stretch, its start not counted."""

    @property
    def p_value(self) -> float:
        """One-sided sign test: probability of as many wins if both improve at one rate."""
        if self.points == 0:
            return 1.0
        return float(scipy.stats.binom.sf(self.wins - 1, self.points, 0.5))


NO_RACE = Race(lead=0.0, wins=0, points=0)


def race(first: Curve, second: Curve) -> Race:
    """Lay two curves over each other at equal fitness and compare what follows.

    The common stretch starts where each curve first attains the higher of the two starting
    fitnesses, and is as long, in tokens, as the shorter remainder. Curves are linear between
    points; the sign test is made at the points of the first. If the first starts above everything
    that the second attained, it is shifted down to the second's start, and can then have a lead but
    no deficit (the paper's rule for curves that do not overlap).
    """
    if len(first) < 2 or len(second) < 2:
        return NO_RACE
    a, b = _Line.of(first), _Line.of(second)
    level = max(a.fitness[0], b.fitness[0])
    if level > b.fitness.max():
        shifted = _run(a.lowered(a.fitness[0] - b.fitness[0]), b, level=b.fitness[0])
        return shifted if shifted.lead > 0 else NO_RACE
    if level > a.fitness.max():
        return NO_RACE
    return _run(a, b, level=level)


@dataclass(frozen=True, slots=True)
class _Line:
    tokens: NDArray[np.float64]  # (n,), from 0
    fitness: NDArray[np.float64]  # (n,)

    @classmethod
    def of(cls, curve: Curve) -> _Line:
        points = np.asarray(curve, dtype=np.float64)
        return cls(points[:, 0] - points[0, 0], points[:, 1])

    def lowered(self, by: float) -> _Line:
        return _Line(self.tokens, self.fitness - by)

    def first_at(self, level: float) -> float:
        """Return the tokens where the curve first attains a level that it does attain."""
        i = int(np.argmax(self.fitness >= level))
        if i == 0:
            return 0.0
        low, high = self.fitness[i - 1], self.fitness[i]
        share = (level - low) / (high - low)
        return float(self.tokens[i - 1] + share * (self.tokens[i] - self.tokens[i - 1]))

    def at(self, tokens: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.interp(tokens, self.tokens, self.fitness), dtype=np.float64)


def _run(a: _Line, b: _Line, *, level: float) -> Race:
    start_a, start_b = a.first_at(level), b.first_at(level)
    length = min(a.tokens[-1] - start_a, b.tokens[-1] - start_b)
    if length <= 0:
        return NO_RACE
    ends = np.concatenate([a.tokens - start_a, b.tokens - start_b, [0.0, length]])
    offsets = ends[(ends >= 0) & (ends <= length)]  # a piecewise linear curve peaks at a point
    own = (a.tokens > start_a) & (a.tokens <= start_a + length)
    ahead = a.fitness[own] > b.at(start_b + a.tokens[own] - start_a)
    return Race(
        lead=float(a.at(start_a + offsets).max() - b.at(start_b + offsets).max()),
        wins=int(ahead.sum()),
        points=int(own.sum()),
    )


def rates(curves: tuple[Curve, ...]) -> NDArray[np.float64]:  # (n,)
    """Return each curve's mean lead over the others; 0 for a single curve. Nats per token."""
    n = len(curves)
    leads = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                leads[i, j] = race(curves[i], curves[j]).lead
    return np.asarray((leads - leads.T).sum(axis=1) / (2 * max(1, n - 1)), dtype=np.float64)
