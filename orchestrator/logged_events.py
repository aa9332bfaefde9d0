"""The events of a log: each line is held against the one before it, and decoded when asked for.

Checking a million lines takes seconds, decoding them half a minute and gigabytes. A search that
goes on from a snapshot of its state needs the last few thousand of them only.
"""

from __future__ import annotations

import json
import os
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from pydantic_core import from_json

from orchestrator.errors import UserError
from orchestrator.events import Event, decode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.events import JSON

BLOCK_BYTES = 1 << 24
"""Read at once while the lines are checked."""
BLOCK_LINES = 4096
"""Read at once while they are decoded."""


class DamagedLogError(UserError):
    """A line before the end of a log is not what was written; `whole` is what stands before it."""

    def __init__(
        self, *, where: str, law: str, found: str, remedy: str, whole: tuple[Event, ...]
    ) -> None:
        super().__init__(where=where, law=law, found=found, remedy=remedy)
        self.whole = whole

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the parts across processes: exceptions are rebuilt from positional arguments."""
        return _rebuild, (self.where, self.law, self.found, self.remedy, self.whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How far lines continue a checksum."""

    ends: array[int]
    """Bytes up to the end of each line."""
    checksum: int

    @property
    def lines(self) -> int:
        """How many do."""
        return len(self.ends)

    @property
    def num_bytes(self) -> int:
        """Their length."""
        return self.ends[-1] if self.ends else 0


def follow(content: bytes, checksum: int) -> Followed:
    """Return how far lines continue the checksum before them; nothing is decoded."""
    ends = array("Q")
    offset = 0
    while (end := content.find(b"\n", offset)) >= 0:
        split = content.rfind(b',"sum":"', offset, end)
        expected = zlib.crc32(content[offset:split] + b"}", checksum)
        if split < 0 or content[split:end] != f',"sum":"{expected:08x}"}}'.encode():
            break
        offset, checksum = end + 1, expected
        ends.append(offset)
    return Followed(ends=ends, checksum=checksum)


class LoggedEvents(Sequence[Event]):
    """The events of lines that continue each other's checksums.

    Reading one raises `DamagedLogError` if its line says nothing that was ever written, which takes
    somebody who gives it a fitting checksum.

    Args:
        path: Of the log, for messages.
        file: Open to read for as long as events are asked for.
        ends: Bytes up to the end of each line.
        checksum: Of the last line.
    """

    def __init__(self, path: Path, file: int, ends: array[int], checksum: int) -> None:
        self._path, self._file, self._ends = path, file, ends
        self.checksum = checksum

    @property
    def num_bytes(self) -> int:
        """Length of the lines."""
        return self._ends[-1] if self._ends else 0

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self._ends)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice[int | None, int | None, int | None]) -> tuple[Event, ...]: ...
    def __getitem__(
        self, at: int | slice[int | None, int | None, int | None]
    ) -> Event | tuple[Event, ...]:
        """Return an event, or those of a slice without steps."""
        if isinstance(at, slice):
            start, stop, step = at.indices(len(self))
            assert step == 1
            return tuple(self._between(start, stop))
        number = range(len(self))[at]
        return next(self._between(number, number + 1))

    def __iter__(self) -> Iterator[Event]:
        """Yield all events."""
        return self._between(0, len(self))

    def checksum_before(self, number: int) -> int:
        """Return the checksum of all lines before one."""
        if not 0 < number <= len(self):
            return 0
        told = os.pread(self._file, _SUM_BYTES, self._ends[number - 1] - _SUM_BYTES)
        return int(told[:8], 16)

    def read_apart(self, start: int, stop: int) -> Iterator[Event]:
        """Yield some events from a file of their own: the log may be closed meanwhile."""
        file = os.open(self._path, os.O_RDONLY)
        apart = LoggedEvents(self._path, file, self._ends, self.checksum)

        def events() -> Iterator[Event]:
            try:
                yield from apart._between(start, stop)
            finally:
                os.close(file)

        return events()

    def _between(self, start: int, stop: int) -> Iterator[Event]:
        for first in range(start, stop, BLOCK_LINES):
            last = min(stop, first + BLOCK_LINES)
            begin = self._begin(first)
            content = os.pread(self._file, self._ends[last - 1] - begin, begin)
            for number in range(first, last):
                line = content[self._begin(number) - begin : self._ends[number] - begin]
                yield self._decoded(line, number)

    def _begin(self, number: int) -> int:
        return self._ends[number - 1] if number else 0

    def _decoded(self, line: bytes, number: int) -> Event:
        try:
            record = _parsed(line[: line.rfind(b',"sum":"')] + b"}")
            if record["n"] == number:
                return decode(record["event"], record["data"], record["aside"])
            found = f"number {record['n']}"
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise _damaged(self._path, self[:number], str(error)) from error
        raise _damaged(self._path, self[:number], found)


_TAIL_BYTES = 1 << 16
_SUM_BYTES = len('01234567"}\n')


def check_lines(path: Path, file: int) -> LoggedEvents:
    """Hold each whole line of a log against the one before it; a torn last line is left out.

    Args:
        path: Of the log, for messages.
        file: Open to read.

    Raises:
        DamagedLogError: A line before the end is not what was written.
    """
    ends = array("Q")
    offset, checksum = 0, 0
    rest = b""
    while block := os.pread(file, BLOCK_BYTES, offset + len(rest)):
        content = rest + block
        followed = follow(content, checksum)
        ends.extend(offset + end for end in followed.ends)
        checksum = followed.checksum
        if content.find(b"\n", followed.num_bytes) >= 0:
            whole = LoggedEvents(path, file, ends, checksum)
            raise _damaged(path, tuple(whole), "a checksum that does not fit")
        offset += followed.num_bytes
        rest = content[followed.num_bytes :]
    return LoggedEvents(path, file, ends, checksum)


def last_line(path: Path) -> tuple[bytes, int]:
    """Return the last whole line of a log, unchecked, and the bytes up to its end.

    Raises:
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        reach = _TAIL_BYTES
        while True:
            file.seek(max(0, size - reach))
            end = file.read()
            stop = end.rfind(b"\n")
            start = end.rfind(b"\n", 0, max(stop, 0))
            if start >= 0 or reach >= size:
                return end[start + 1 : stop + 1], max(0, size - reach) + stop + 1
            reach *= 8


def _parsed(body: bytes) -> JSON:
    """Return the JSON of a line, three times as fast as `json` reads it.

    Half a surrogate pair, as names of files that are no text have it, is for `json` alone.
    """
    try:
        return from_json(body)
    except ValueError:
        return json.loads(body)


def _damaged(path: Path, whole: tuple[Event, ...], found: str) -> DamagedLogError:
    number = len(whole)
    return DamagedLogError(
        where=f"{path}, line {number + 1}",
        law="every line continues the checksum of the line before it",
        found=found,
        remedy=(
            "The log was altered or damaged. Restore it from a copy, or cut it before this line: "
            f"'head -n {number}' keeps what is whole, and 'masga resume' goes on from there."
        ),
        whole=whole,
    )


def _rebuild(
    where: str, law: str, found: str, remedy: str, whole: tuple[Event, ...]
) -> DamagedLogError:
    return DamagedLogError(where=where, law=law, found=found, remedy=remedy, whole=whole)
