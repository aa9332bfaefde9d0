"""A stream of decisions read off bytes: what hypothesis, libFuzzer and a generator all can give.

Every mutation is drawn from such a stream, so the same bytes give the same damage whoever drives,
hypothesis shortens them, and libFuzzer lets those live that reach new code. Where the bytes end,
every further decision is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")


class Choices:
    """Decisions, one after another."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def below(self, bound: int) -> int:
        """Return a number in [0, bound)."""
        if bound <= 1:
            return 0
        width = 1 if bound <= 256 else 2 if bound <= 65_536 else 4
        piece = self._data[self._at : self._at + width]
        self._at += width
        return int.from_bytes(piece, "little") % bound

    def of(self, items: Sequence[Item]) -> Item:
        """Return one of the items, of which there is at least one."""
        return items[self.below(len(items))]
