"""The event log: an append-only file that is the single truth of a search.

One line an event: `{"n": 4, "event": "scored", "data": {...}, "aside": {...}, "sum": "90ab12cd"}`.
Lines are numbered from 0 and each checksum continues the one before it (CRC-32), so that a line
that was altered, lost, doubled or moved is noticed. A write is one `write` and one `fsync`; a line
that a crash tore off at the end of the file is dropped on reading. Where a search is kept in an
object store, the file is a copy: every append is stored there first (`orchestrator.storage`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import zlib
from typing import TYPE_CHECKING, Protocol, Self

from orchestrator.errors import UserError
from orchestrator.events import encode
from orchestrator.garbage import uncollected
from orchestrator.logged_events import check_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from orchestrator.events import Event

LOG_NAME = "events.jsonl"


def to_line(event: Event, *, number: int, previous_sum: int) -> tuple[bytes, int]:
    """Return the event's line and its checksum."""
    kind, data, beside = encode(event)
    body = json.dumps(
        {"n": number, "event": kind, "data": data, "aside": beside},
        separators=(",", ":"),
        allow_nan=False,
    )
    checksum = zlib.crc32(body.encode(), previous_sum)
    return f'{body[:-1]},"sum":"{checksum:08x}"}}\n'.encode(), checksum


def read_log(path: Path) -> tuple[list[Event], int, int]:
    """Read every whole event.

    Returns:
        The events, the checksum of the last one, and the length in bytes of the whole part.

    Raises:
        UserError: No such file.
        DamagedLogError: A line before the end is not what was written.
    """
    with _opened(path) as file, uncollected():
        logged = check_lines(path, file)
        return list(logged), logged.checksum, logged.num_bytes


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDONLY)
        try:
            yield file
        finally:
            os.close(file)
    except OSError as error:  # on reading too: of a directory
        raise UserError(
            where=str(path),
            law="a search keeps its events here",
            found=error.strerror or str(error),
            remedy="Give the directory of a search (the one that 'masga search' printed).",
        ) from error


def is_being_written(path: Path) -> bool:
    """Return whether a process holds this log open to write it: its search is running."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


class Mirror(Protocol):
    """Where lines are stored before they count as written."""

    def put(self, content: bytes, *, first: int, stop: int) -> None:
        """Store lines `first` to `stop - 1`; when it returns they are there to stay."""


class EventLog:
    """The one writer of a search's log; holds a lock on the file until it is closed.

    Opening drops a torn last line. `events` are those found on opening; each is decoded when it is
    asked for, until the log is closed.

    Args:
        path: The file.
        mirror: Given each append before the file is; none: the file is all there is.

    Raises:
        UserError: Another process writes this log, or the log is damaged.
    """

    def __init__(self, path: Path, *, mirror: Mirror | None = None) -> None:
        self._path = path
        self._mirror = mirror
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    where=str(path),
                    law="one process writes a search",
                    found="another one that is writing it now",
                    remedy="Wait for it or stop it (Ctrl-C), then resume.",
                ) from error
            self.events = check_lines(path, self._file)
            self._checksum, self._length = self.events.checksum, self.events.num_bytes
            os.ftruncate(self._file, self._length)
        except BaseException:
            os.close(self._file)
            raise
        self._count = len(self.events)

    def append(self, events: Sequence[Event]) -> None:
        """Write events and return when they are on disk; all or, when that fails, none.

        Raises:
            UserError: The disk is full, or the mirror cannot store them.
        """
        lines: list[bytes] = []
        count, checksum = self._count, self._checksum
        for event in events:
            line, checksum = to_line(event, number=count, previous_sum=checksum)
            lines.append(line)
            count += 1
        content = b"".join(lines)
        if self._mirror is not None and content:
            self._mirror.put(content, first=self._count, stop=count)
        try:
            written = 0
            while written < len(content):
                written += os.write(self._file, content[written:])
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._length)
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise disk_full(self._path) from error
            raise
        self._count, self._checksum, self._length = count, checksum, self._length + len(content)

    def checksum_before(self, number: int) -> int | None:
        """Return the checksum of all lines before one; none: it was written since opening."""
        if number == self._count:
            return self._checksum
        return self.events.checksum_before(number) if number <= len(self.events) else None

    def close(self) -> None:
        """Release the file and its lock."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def disk_full(path: Path | str) -> UserError:
    """Say that nothing more can be written here."""
    return UserError(
        where=str(path),
        law="the disk must have room for the log and the checkpoints",
        found="no space left",
        remedy="Free some space, then 'masga resume' goes on from the last whole generation.",
    )
