"""Which sequences of a batch one process computes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows `first` to `last` of `total`, which lie side by side in the order of the ranks."""

    total: int
    first: int
    last: int
    idle: bool = False
    """No row is left for this process: it computes one of another's, and nothing counts it."""

    @property
    def slice(self) -> slice:
        """The rows to compute."""
        return slice(self.first, self.last)

    @property
    def whole(self) -> bool:
        """Whether these are all rows."""
        return self.last - self.first == self.total

    @staticmethod
    def split(total: int, *, rank: int, size: int) -> Rows:
        """Split rows as evenly as can be: earlier ranks take one more.

        >>> [Rows.split(3, rank=r, size=2).slice for r in range(2)]
        [slice(0, 2, None), slice(2, 3, None)]
        """
        each, more = divmod(total, size)
        first = rank * each + min(rank, more)
        last = first + each + (rank < more)
        return Rows(total, first, last) if first < last else Rows(total, 0, 1, idle=True)
