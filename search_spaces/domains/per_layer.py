"""Vectors with one value a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from search_spaces.domains.choice import Choice
    from search_spaces.domains.integer import Integer
    from search_spaces.domains.real import Real


@dataclass(frozen=True, slots=True)
class PerLayer:
    """A vector with one value of `item` for each layer; its length is the gene `length`.

    Lengths belong to the space: it cuts or extends the vectors when `length` changes.
    """

    item: Real | Integer | Choice
    length: str = "num_layers"

    @property
    def is_fixed(self) -> bool:
        """Whether every layer has one value only."""
        return self.item.is_fixed

    def contains(self, value: object) -> bool:
        """Say whether `value` is a tuple of members, of any length."""
        return isinstance(value, tuple) and all(self.item.contains(v) for v in value)

    def clip(self, value: Sequence[Any]) -> tuple[Any, ...]:
        """Clip every layer's value."""
        return tuple(self.item.clip(v) for v in value)

    def to_unit(self, value: Sequence[Any]) -> tuple[float, ...]:
        """Map every layer's value to [0, 1]."""
        return tuple(self.item.to_unit(v) for v in value)

    def from_unit(self, units: Sequence[float]) -> tuple[Any, ...]:
        """Undo `to_unit`."""
        return tuple(self.item.from_unit(u) for u in units)

    def perturb(
        self, value: tuple[Any, ...], rng: np.random.Generator, *, scale: float
    ) -> tuple[Any, ...]:
        """Perturb each layer with probability 1 / layers, and at least one."""
        return self._change(value, rng, lambda v: self.item.perturb(v, rng, scale=scale))

    def resample(self, value: tuple[Any, ...], rng: np.random.Generator) -> tuple[Any, ...]:
        """Draw each layer anew with probability 1 / layers, and at least one."""
        return self._change(value, rng, lambda _: self.item.sample(rng))

    @staticmethod
    def _change(
        value: tuple[Any, ...], rng: np.random.Generator, change: Callable[[Any], Any]
    ) -> tuple[Any, ...]:
        chosen = rng.random(len(value)) < 1 / max(1, len(value))
        chosen[int(rng.random() * len(value))] = True
        return tuple(change(v) if c else v for v, c in zip(value, chosen, strict=True))

    def distance(self, a: Sequence[Any], b: Sequence[Any]) -> float:
        """Return the sum over layers; a layer that only one has counts 1."""
        shared = sum(self.item.distance(x, y) for x, y in zip(a, b, strict=False))
        return shared + abs(len(a) - len(b))

    def to_json(self) -> dict[str, object]:
        """Return the item's form; the space knows that the gene is per layer."""
        return self.item.to_json()
