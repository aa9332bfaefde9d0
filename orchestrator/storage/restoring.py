"""Makes a log on this machine's disk what a folder's segments say, reading only what it lacks."""

from __future__ import annotations

import json
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import Clause, UserError
from orchestrator.logged_events import follow, last_line
from orchestrator.storage.segments import Missing, pieces, segments_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.storage.segments import Piece, Segment
    from trainers.folder import Folder

_AT_ONCE = 8
"""Segments that are read at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a folder's log is read from."""

    pieces: tuple[Piece, ...]
    left: tuple[Segment, ...]
    """Segments of which nothing is read: merged into others, or written by the superseded."""

    @property
    def lines(self) -> int:
        """Lines of the log."""
        return self.pieces[-1].stop if self.pieces else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the local log holds: whole lines, of which the last is `tail`."""

    lines: int
    num_bytes: int
    checksum: int
    tail: bytes


_NOTHING = _Known(lines=0, num_bytes=0, checksum=0, tail=b"")


def restore(events: Folder, log: Path) -> Restored:
    """Bring the local log to what the folder has; the folder wins.

    Args:
        events: The folder of the segments.
        log: The local file; nobody else changes it meanwhile.

    Raises:
        UserError: A segment is missing or damaged, or the store is away.
    """
    segments = segments_of(events.entries())
    try:
        plan = pieces(segments)
    except Missing as error:
        raise _gap(events, error.line) from None
    read = {piece.segment.name for piece in plan}
    left = tuple(s for s in segments if not s.is_fence and s.name not in read)
    restored = Restored(pieces=plan, left=left)
    known = _known(log)
    if known.lines and not _agrees(events, plan, known):
        known = _NOTHING
    if known.lines == 0:
        _rewrite(events, plan, log)
    elif known.lines < restored.lines or known.num_bytes < log.stat().st_size:
        with log.open("r+b") as file:
            file.truncate(known.num_bytes)
            file.seek(0, os.SEEK_END)
            for content in _contents(events, plan, known):
                file.write(content)
    return restored


def _known(log: Path) -> _Known:
    """Read the last whole line of the local log: its number and checksum tell of all before it."""
    try:
        line, num_bytes = last_line(log)
        told = json.loads(line)
        return _Known(
            lines=told["n"] + 1,
            num_bytes=num_bytes,
            checksum=int(told["sum"], 16),
            tail=line,
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return _NOTHING


def _agrees(events: Folder, plan: tuple[Piece, ...], known: _Known) -> bool:
    """Return whether the last line of the local log is that of the folder, and so all before it."""
    number = known.lines - 1
    holding = next((piece for piece in plan if piece.first <= number < piece.stop), None)
    if holding is None:
        return False
    content = _read(events, holding.segment)
    lines = content.splitlines(keepends=True)
    at = number - holding.segment.first
    return at < len(lines) and lines[at] == known.tail


def _rewrite(events: Folder, plan: tuple[Piece, ...], log: Path) -> None:
    part = log.with_name(f".{log.name}.{secrets.token_hex(4)}")
    try:
        with part.open("wb") as file:
            for content in _contents(events, plan, _NOTHING):
                file.write(content)
        part.replace(log)
    finally:
        part.unlink(missing_ok=True)


def _contents(events: Folder, plan: tuple[Piece, ...], known: _Known) -> Iterator[bytes]:
    """Yield the lines after those that are known, each held against the checksum before it."""
    checksum = known.checksum
    wanted = [piece for piece in plan if piece.stop > known.lines]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="log-read") as pool:
        for at in range(0, len(wanted), _AT_ONCE):  # so many in memory, however long the log is
            some = wanted[at : at + _AT_ONCE]
            whole = pool.map(lambda piece: _read(events, piece.segment), some)
            for piece, segment_content in zip(some, whole, strict=True):
                first = max(piece.first, known.lines)
                content = _cut(segment_content, piece, first)
                found = follow(content, checksum)
                if found.lines != piece.stop - first or found.num_bytes != len(content):
                    raise _damaged(events, piece.segment, first + found.lines)
                checksum = found.checksum
                yield content


def _cut(content: bytes, piece: Piece, first: int) -> bytes:
    """Return the lines from `first` to the end of the piece."""
    segment = piece.segment
    if (first, piece.stop) == (segment.first, segment.stop):
        return content
    lines = content.splitlines(keepends=True)
    return b"".join(lines[first - segment.first : piece.stop - segment.first])


def _read(events: Folder, segment: Segment) -> bytes:
    try:
        return bytes(events.read(segment.name))
    except FileNotFoundError:
        raise _gap(events, segment.first) from None


def _gap(events: Folder, line: int) -> UserError:
    return UserError(
        where=str(events.place("")),
        law="the segments of a log leave no line out",
        found=Clause(f"event {line} is in none of them, and later ones are there"),
        remedy="If a search is running here, try again. Otherwise restore the object that began "
        "with it from another version or a copy, or delete all later ones: 'masga resume' goes on "
        "from there.",
    )


def _damaged(events: Folder, segment: Segment, line: int) -> UserError:
    return UserError(
        where=f"{events.place(segment.name)}, event {line}",
        law="every line continues the checksum of the line before it",
        found="one that does not",
        remedy="The object was altered or damaged. Restore it from another version or a copy, or "
        "delete it and all later ones: 'masga resume' goes on from there.",
    )
