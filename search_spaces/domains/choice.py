"""One of a few values, without order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_spaces.errors import SpaceError

if TYPE_CHECKING:
    import numpy as np

Option = bool | int | float | str | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the given values, without order. A single value fixes the gene."""

    values: tuple[Option, ...]

    def __post_init__(self) -> None:
        kinds = {(type(v), v) for v in self.values}
        if not self.values or len(kinds) != len(self.values):
            raise SpaceError(
                "a choice needs at least one value and each value once",
                f"got {list(self.values)!r}",
                "List the allowed values.",
            )

    @property
    def is_fixed(self) -> bool:
        """Whether there is one value only."""
        return len(self.values) == 1

    def _index(self, value: object) -> int | None:
        """Find a value of the same type: `True` is not `1`."""
        for i, option in enumerate(self.values):
            if option == value and type(option) is type(value):
                return i
        return None

    def contains(self, value: object) -> bool:
        """Say whether `value` is one of the options, of the same type."""
        return self._index(value) is not None

    def clip(self, value: Option) -> Option:
        """Return `value` if it is an option, else the nearest number, else the first option."""
        if self._index(value) is not None:
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers = [v for v in self.values if _is_number(v)]
            if numbers and value == value:  # noqa: PLR0124 - NaN is near to nothing
                return min(numbers, key=lambda v: abs(v - value))  # type: ignore[operator]
        return self.values[0]

    def to_unit(self, value: Option) -> float:
        """Map the i-th of n options to the middle of the i-th of n cells of [0, 1]."""
        index = self._index(value)
        if index is None:
            raise SpaceError(
                f"a value of {list(self.values)} is needed", f"got {value!r}", "Clip it first."
            )
        return (index + 0.5) / len(self.values)

    def from_unit(self, unit: float) -> Option:
        """Map [0, 1] to the option whose cell holds it; undoes `to_unit` exactly."""
        return self.values[min(max(int(unit * len(self.values)), 0), len(self.values) - 1)]

    def sample(self, rng: np.random.Generator) -> Option:
        """Draw uniformly."""
        return self.from_unit(rng.random())

    def perturb(self, value: Option, rng: np.random.Generator, *, scale: float) -> Option:  # noqa: ARG002 - options have no order, so no scale
        """Draw another option, if there is one."""
        others = tuple(v for v in self.values if v != value or type(v) is not type(value))
        return others[min(int(rng.random() * len(others)), len(others) - 1)] if others else value

    def distance(self, a: Option, b: Option) -> float:
        """Return 0 for equal options, else 1."""
        return 0.0 if a == b and type(a) is type(b) else 1.0

    def at_most(self, bound: float) -> Option | None:
        """Return the largest number that does not exceed `bound`, if any."""
        below = [v for v in self.values if _is_number(v) and v <= bound]  # type: ignore[operator]
        return max(below) if below else None

    def at_least(self, bound: float) -> Option | None:
        """Return the smallest number that is not below `bound`, if any."""
        above = [v for v in self.values if _is_number(v) and v >= bound]  # type: ignore[operator]
        return min(above) if above else None

    def to_json(self) -> dict[str, object]:
        """Return the form of run files: `{"choice": [...]}`."""
        return {"choice": [list(v) if isinstance(v, tuple) else v for v in self.values]}


def _is_number(value: Option) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
