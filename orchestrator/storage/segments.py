"""How a log lies in a folder without appending: segments, each written once, named for its lines.

`events/000000000040-000000000052-000003.jsonl` holds lines 40 to 51 and was written by the writer
of epoch 3. A writer begins with an empty segment, `000000000040-000000000040-000003.jsonl`: its
*fence*. What earlier writers, paused and taken for dead, may still write beyond it does not count:

1. A fence counts if its epoch has a segment with lines, or is the highest of all.
2. Of a segment of epoch e those lines count that come before every counting fence above e.
3. Where several segments have a line, that of the highest epoch is read.

All of it is told by names: one listing says what is there and what of it is read.
`docs/storage.md` argues why no two writers can both believe themselves in force.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trainers.folder import Entry

_NAME = re.compile(r"(\d{12,})-(\d{12,})-(\d{6,})\.jsonl")
MERGED_AT_ONCE = 32
"""So many neighbours of a size become one: a log of n appends has some 32 log_32(n) segments."""
LARGEST_BYTES = 64 << 20
"""Segments are not merged into larger ones than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Lines of a log as one object."""

    first: int
    """Number of its first line."""
    stop: int
    """Number of the first line after it."""
    epoch: int
    """Of its writer."""
    num_bytes: int

    @property
    def name(self) -> str:
        """Name of the object."""
        return f"{self.first:012d}-{self.stop:012d}-{self.epoch:06d}.jsonl"

    @property
    def is_fence(self) -> bool:
        """Whether it only says where its epoch begins."""
        return self.first == self.stop

    @classmethod
    def of(cls, entry: Entry) -> Self | None:
        """Return what an object's name says; none: it is something else."""
        found = _NAME.fullmatch(entry.name)
        if found is None:
            return None
        first, stop, epoch = (int(digits) for digits in found.groups())
        return cls(first=first, stop=stop, epoch=epoch, num_bytes=entry.num_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Lines `first` to `stop - 1`, to be read from a segment that may have more."""

    segment: Segment
    first: int
    stop: int


class Missing(Exception):  # noqa: N818 - a state of the log
    """There are later lines, but not this one."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def segments_of(entries: Iterable[Entry]) -> tuple[Segment, ...]:
    """Return the segments among objects."""
    return tuple(found for entry in entries if (found := Segment.of(entry)) is not None)


def highest_epoch(segments: Iterable[Segment]) -> int:
    """Return the newest epoch; 0: nobody wrote yet."""
    return max((segment.epoch for segment in segments), default=0)


def pieces(segments: Sequence[Segment]) -> tuple[Piece, ...]:
    """Return what the log is read from, in order.

    Raises:
        Missing: A line is in no segment that counts, but a later one is.
    """
    counting = [piece for piece in _clipped(segments) if piece.first < piece.stop]
    counting.sort(key=lambda piece: piece.first)
    read: list[Piece] = []
    line, waiting = 0, 0
    open_: list[Piece] = []
    end = max((piece.stop for piece in counting), default=0)
    while line < end:
        while waiting < len(counting) and counting[waiting].first <= line:
            open_.append(counting[waiting])
            waiting += 1
        open_ = [piece for piece in open_ if piece.stop > line]
        if not open_:
            raise Missing(line)
        best = max(open_, key=lambda piece: (piece.segment.epoch, piece.stop))
        above = (p.first for p in counting[waiting:] if p.segment.epoch > best.segment.epoch)
        stop = min(best.stop, min(above, default=best.stop))
        read.append(Piece(segment=best.segment, first=line, stop=stop))
        line = stop
    return tuple(read)


def _clipped(segments: Sequence[Segment]) -> list[Piece]:
    """Return of each segment what fences leave of it."""
    writing = {segment.epoch for segment in segments if not segment.is_fence}
    highest = highest_epoch(segments)
    fences = [
        segment
        for segment in segments
        if segment.is_fence and (segment.epoch in writing or segment.epoch == highest)
    ]
    begins: dict[int, int] = {}  # per epoch: where the first writer after it begins
    for epoch in writing:
        above = (fence.first for fence in fences if fence.epoch > epoch)
        begins[epoch] = min(above, default=-1)
    return [
        Piece(
            segment=segment,
            first=segment.first,
            stop=segment.stop
            if begins[segment.epoch] < 0
            else min(segment.stop, begins[segment.epoch]),
        )
        for segment in segments
        if not segment.is_fence
    ]


def due(read: Sequence[Piece]) -> slice | None:
    """Return neighbours that should become one segment; none: there are few enough.

    Sizes are classes of powers of `MERGED_AT_ONCE` lines. Neighbours of a class or smaller are
    merged when they are so many, small classes first, up to `LARGEST_BYTES`.
    """
    classes = [_class(piece.stop - piece.first) for piece in read]
    for most in sorted(set(classes)):
        at = 0
        while at < len(read):
            end, size = at, 0
            while end < len(read) and classes[end] <= most:
                size += read[end].segment.num_bytes
                if size > LARGEST_BYTES and end > at:
                    break
                end += 1
            if end - at >= MERGED_AT_ONCE:
                return slice(at, end)
            at = max(end, at + 1)
    return None


def _class(lines: int) -> int:
    found = 0
    while lines >= MERGED_AT_ONCE:
        lines //= MERGED_AT_ONCE
        found += 1
    return found
