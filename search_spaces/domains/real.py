"""Real numbers in an interval, uniform or uniform in the logarithm."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from search_spaces.domains.reflection import reflect
from search_spaces.errors import SpaceError

if TYPE_CHECKING:
    import numpy as np

DIGITS = 6
"""Values are rounded to this many digits of the domain's width (significant digits if log).

Genomes then read well in logs, and conversions to the unit cube and back are exact: the error of
the arithmetic is ten orders of magnitude below half a unit of the last digit.
"""


@dataclass(frozen=True, slots=True)
class Real:
    """Real numbers in `[low, high]`, uniform, or uniform in the logarithm."""

    low: float
    high: float
    log: bool = False
    _digits: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise SpaceError(
                "a real domain needs finite low <= high",
                f"got low={self.low!r}, high={self.high!r}",
                "Order the bounds; to fix a gene give one value.",
            )
        if self.log and self.low <= 0:
            raise SpaceError(
                "a logarithmic domain needs low > 0",
                f"got low={self.low!r}",
                "Raise low, or leave out log.",
            )
        # ints are welcome as bounds; values are floats
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        width = math.log(self.high / self.low) if self.log else self.high - self.low
        finer = 0 if width == 0 else -math.ceil(math.log10(width))
        object.__setattr__(self, "_digits", DIGITS + (max(0, finer) if self.log else finer))

    @property
    def is_fixed(self) -> bool:
        """Whether there is one value only."""
        return self.low == self.high

    def contains(self, value: object) -> bool:
        """Say whether `value` is a float of the interval, however many digits it has."""
        return isinstance(value, float) and self.low <= value <= self.high

    def clip(self, value: float) -> float:
        """Return the nearest member, rounded to the domain's digits (see `DIGITS`).

        Raises:
            SpaceError: `value` is not a number.
        """
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise SpaceError("a real gene needs a number", f"got {value!r}", "Give a number.")
        bounded = min(max(float(value), self.low), self.high)
        rounded = float(f"{bounded:.{self._digits}g}") if self.log else round(bounded, self._digits)
        return min(max(rounded, self.low), self.high)

    def to_unit(self, value: float) -> float:
        """Map the domain to [0, 1]; values outside land on its ends."""
        if self.is_fixed:
            return 0.5
        if self.log:
            low = math.log(self.low)
            unit = (math.log(max(value, self.low)) - low) / (math.log(self.high) - low)
        else:
            unit = (value - self.low) / (self.high - self.low)
        return min(max(unit, 0.0), 1.0)

    def from_unit(self, unit: float) -> float:
        """Map [0, 1] to the domain; undoes `to_unit` exactly for rounded members."""
        if self.log:
            low = math.log(self.low)
            return self.clip(math.exp(low + unit * (math.log(self.high) - low)))
        return self.clip(self.low + unit * (self.high - self.low))

    def sample(self, rng: np.random.Generator) -> float:
        """Draw uniformly (in the logarithm if `log`)."""
        return self.from_unit(rng.random())

    def perturb(self, value: float, rng: np.random.Generator, *, scale: float) -> float:
        """Step by a normal of standard deviation `scale` widths, reflected at the ends."""
        return self.from_unit(reflect(self.to_unit(value) + scale * rng.standard_normal()))

    def distance(self, a: float, b: float) -> float:
        """Return the gap as a share of the width (log-width), in [0, 1]."""
        return abs(self.to_unit(a) - self.to_unit(b))

    def at_most(self, bound: float) -> float | None:
        """Return the largest member that does not exceed `bound`, if any."""
        return None if bound < self.low else min(bound, self.high)

    def at_least(self, bound: float) -> float | None:
        """Return the smallest member that is not below `bound`, if any."""
        return None if bound > self.high else max(bound, self.low)

    def to_json(self) -> dict[str, object]:
        """Return the form of run files: `{"real": [low, high], "log": true}`."""
        return {"real": [self.low, self.high], **({"log": True} if self.log else {})}
