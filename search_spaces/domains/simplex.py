"""Shares that sum to 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = 1_000_000
"""Shares are multiples of 1 / PARTS, so that they sum to 1 and convert exactly."""
MAX_SIZE = 48
"""With more shares the powers of `to_unit` would leave double precision."""


@dataclass(frozen=True, slots=True)
class Simplex:
    """Shares of `size` parts: non-negative numbers that sum to 1."""

    size: int

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MAX_SIZE:
            raise SpaceError(
                f"a simplex has 1 to {MAX_SIZE} shares",
                f"got size={self.size}",
                "Group the parts.",
            )

    @property
    def is_fixed(self) -> bool:
        """Whether there is one value only."""
        return self.size == 1

    def contains(self, value: object) -> bool:
        """Say whether `value` is a tuple of `size` shares that sum to 1 (to 1e-9)."""
        return (
            isinstance(value, tuple)
            and len(value) == self.size
            and all(isinstance(v, float) and v >= 0 for v in value)
            and abs(math.fsum(value) - 1) <= 1e-9
        )

    def clip(self, value: Sequence[float]) -> tuple[float, ...]:
        """Return the nearest shares in multiples of 1 / PARTS; equal ones for a wrong length."""
        bounded = [max(float(v), 0.0) if math.isfinite(v) else 0.0 for v in value]
        total = math.fsum(bounded)
        if len(bounded) != self.size or total <= 0:
            bounded, total = [1.0] * self.size, float(self.size)
        exact = [v / total * PARTS for v in bounded]
        parts = [math.floor(e + 1e-6) for e in exact]
        # largest remainders first; ties go to the earlier share
        order = sorted(range(self.size), key=lambda i: (round(parts[i] - exact[i], 6), i))
        for i in order[: PARTS - sum(parts)]:
            parts[i] += 1
        return tuple(p / PARTS for p in parts)

    def to_unit(self, value: Sequence[float]) -> tuple[float, ...]:
        """Map shares to the cube of `size - 1` dimensions by stick breaking.

        Coordinate i is `(rest after share i / rest before it) ** (size - 1 - i)`, so a uniform
        cube means uniform shares (Dirichlet(1, ..., 1)). Exact round trip of clipped shares.
        """
        rest, units = PARTS, []
        for i, share in enumerate(value[:-1]):
            part = round(share * PARTS)
            units.append(((rest - part) / rest) ** (self.size - 1 - i) if rest > 0 else 0.5)
            rest -= part
        return tuple(min(max(u, 0.0), 1.0) for u in units)

    def from_unit(self, units: Sequence[float]) -> tuple[float, ...]:
        """Undo `to_unit`."""
        rest, parts = PARTS, []
        for i, unit in enumerate(units):
            left = round(rest * min(max(float(unit), 0.0), 1.0) ** (1 / (self.size - 1 - i)))
            parts.append(rest - left)
            rest = left
        return tuple(p / PARTS for p in (*parts, rest))

    def sample(self, rng: np.random.Generator) -> tuple[float, ...]:
        """Draw uniformly on the simplex."""
        return self.from_unit(rng.random(self.size - 1).tolist())

    def perturb(
        self, value: tuple[float, ...], rng: np.random.Generator, *, scale: float
    ) -> tuple[float, ...]:
        """Move a share `|normal * 2 scale|` of the way to a uniform draw; stays on the simplex."""
        way = min(1.0, abs(2 * scale * rng.standard_normal()))
        target = np.asarray(self.sample(rng))
        return self.clip(((1 - way) * np.asarray(value) + way * target).tolist())

    def resample(self, value: tuple[float, ...], rng: np.random.Generator) -> tuple[float, ...]:  # noqa: ARG002 - the interface of vectors
        """Draw anew."""
        return self.sample(rng)

    def distance(self, a: Sequence[float], b: Sequence[float]) -> float:
        """Return the total variation, in [0, 1]."""
        if len(a) != len(b):
            return 1.0
        return min(1.0, math.fsum(abs(x - y) for x, y in zip(a, b, strict=True)) / 2)

    def to_json(self) -> dict[str, object]:
        """Return `{"simplex": size}`."""
        return {"simplex": self.size}
