"""Integers on a grid, uniform or uniform in the logarithm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_spaces.domains.reflection import reflect
from search_spaces.errors import SpaceError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Integer:
    """Integers `low, low + step, ..., <= high`; with `log`, drawn uniformly in the logarithm."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        bounds = (self.low, self.high, self.step)
        if any(isinstance(b, bool) or not isinstance(b, int) for b in bounds):
            raise SpaceError(
                "an integer domain needs integers for low, high and step",
                f"got low={self.low!r}, high={self.high!r}, step={self.step!r}",
                "Give whole numbers.",
            )
        if self.low > self.high or self.step < 1:
            raise SpaceError(
                "an integer domain needs low <= high and step >= 1",
                f"got low={self.low}, high={self.high}, step={self.step}",
                "Order the bounds; to fix a gene give one value.",
            )
        if self.log and self.low < 1:
            raise SpaceError(
                "a logarithmic domain needs low > 0",
                f"got low={self.low}",
                "Raise low, or leave out log.",
            )

    @property
    def top(self) -> int:
        """The largest member: `high` or the last grid point below it."""
        return self.low + (self.high - self.low) // self.step * self.step

    @property
    def is_fixed(self) -> bool:
        """Whether there is one value only."""
        return self.top == self.low

    @property
    def values(self) -> range:
        """All members, rising."""
        return range(self.low, self.high + 1, self.step)

    def contains(self, value: object) -> bool:
        """Say whether `value` is an integer of the grid."""
        return (
            isinstance(value, int)
            and not isinstance(value, bool)
            and self.low <= value <= self.high
            and (value - self.low) % self.step == 0
        )

    def clip(self, value: float) -> int:
        """Return the nearest member (the larger one of two equally near).

        Raises:
            SpaceError: `value` is not a number.
        """
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise SpaceError("an integer gene needs a number", f"got {value!r}", "Give a number.")
        bounded = min(max(value, self.low), self.top)
        return self.low + math.floor((bounded - self.low) / self.step + 0.5) * self.step

    def _edges(self) -> tuple[float, float]:
        """Return the ends of the logarithmic scale.

        Half a step of room above gives the top its share; below, half a step would be so wide on
        the scale that a quarter of all draws could be `low`.
        """
        return self.low, self.top + self.step / 2

    def to_unit(self, value: int) -> float:
        """Map members to the middle of their cells of [0, 1] (log: to their place on the scale)."""
        if self.log:
            low, high = self._edges()
            unit = math.log(max(value, low) / low) / math.log(high / low)
        else:
            unit = (value - self.low + self.step / 2) / (self.top - self.low + self.step)
        return min(max(unit, 0.0), 1.0)

    def from_unit(self, unit: float) -> int:
        """Map [0, 1] to the member whose cell holds it; undoes `to_unit` exactly."""
        if self.log:
            low, high = self._edges()
            return self.clip(low * math.exp(unit * math.log(high / low)))
        return self.clip(self.low - self.step / 2 + unit * (self.top - self.low + self.step))

    def sample(self, rng: np.random.Generator) -> int:
        """Draw uniformly (in the logarithm if `log`)."""
        return self.from_unit(rng.random())

    def perturb(self, value: int, rng: np.random.Generator, *, scale: float) -> int:
        """Step by a normal of `scale` widths, reflected at the ends; at least to a neighbour."""
        step = scale * rng.standard_normal()
        moved = self.from_unit(reflect(self.to_unit(value) + step))
        if moved != value or self.is_fixed:
            return moved
        neighbour = value + (self.step if step >= 0 else -self.step)
        return neighbour if self.low <= neighbour <= self.top else 2 * value - neighbour

    def distance(self, a: int, b: int) -> float:
        """Return the gap as a share of the width (log-width), in [0, 1]."""
        return abs(self.to_unit(a) - self.to_unit(b))

    def at_most(self, bound: float) -> int | None:
        """Return the largest member that does not exceed `bound`, if any."""
        if bound < self.low:
            return None
        whole = math.floor(min(bound, self.top))  # exact: the difference to low might round
        return self.low + (whole - self.low) // self.step * self.step

    def at_least(self, bound: float) -> int | None:
        """Return the smallest member that is not below `bound`, if any."""
        if bound > self.top:
            return None
        whole = math.ceil(max(bound, self.low))
        return self.low - (self.low - whole) // self.step * self.step

    def to_json(self) -> dict[str, object]:
        """Return the form of run files: `{"integer": [low, high], "step": 16, "log": true}`."""
        step = {"step": self.step} if self.step != 1 else {}
        return {"integer": [self.low, self.high], **step, **({"log": True} if self.log else {})}
