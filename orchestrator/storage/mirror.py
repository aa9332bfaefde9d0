"""The writer's side of a log in segments: puts new ones, and merges small ones meanwhile."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import UserError
from orchestrator.storage.segments import Piece, Segment, due

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from orchestrator.storage.claims import Claim
    from orchestrator.storage.restoring import Restored
    from trainers.folder import Folder

_LOG = logging.getLogger("masga")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A piece of the log and where it lies in the local file."""

    piece: Piece
    offset: int
    end: int


class Mirror:
    """Puts what a log appends into its folder first, one object an append.

    Args:
        events: The folder of the segments.
        claim: The right to write.
        log: The local file, as it was restored: merged segments are read from it.
        restored: What it was restored from.
        begin: Called before the very first line is written.
    """

    def __init__(
        self,
        events: Folder,
        claim: Claim,
        log: Path,
        *,
        restored: Restored,
        begin: Callable[[], None],
    ) -> None:
        self._events, self._claim, self._log, self._begin = events, claim, log, begin
        self._held = _places(restored.pieces, log)
        self._left = [segment.name for segment in restored.left if segment.epoch < claim.epoch]
        self._line = restored.lines
        self._is_fenced = False
        self._grown = threading.Event()
        self._closed = False
        self._lock = threading.Lock()
        self._merger = threading.Thread(target=self._merge_on, name="log-merge", daemon=True)

    def put(self, content: bytes, *, first: int, stop: int) -> None:
        """Store lines; when it returns they are there to stay.

        Raises:
            UserError: Another writer has taken over, or the store is away for too long.
        """
        assert first == self._line  # a log whose append failed is not gone on with
        if not self._is_fenced:
            if first == 0:
                self._begin()
            self._claim.fence(first)
            self._is_fenced = True
            self._merger.start()
        self._claim.require_in_force()
        segment = Segment(first=first, stop=stop, epoch=self._claim.epoch, num_bytes=len(content))
        self._events.write(segment.name, [content])
        self._claim.require_in_force()  # after a long outage: before anything is done about it
        with self._lock:
            offset = self._held[-1].end if self._held else 0
            piece = Piece(segment=segment, first=first, stop=stop)
            self._held.append(_Held(piece=piece, offset=offset, end=offset + len(content)))
        self._line = stop
        self._grown.set()

    def close(self) -> None:
        """End the merging; what is not merged will be when the log is next written."""
        self._closed = True
        self._grown.set()
        if self._merger.is_alive():
            self._merger.join()

    def _merge_on(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            while not self._closed:
                self._grown.clear()
                try:
                    while not self._closed and self.merge():
                        pass
                except UserError as error:
                    _LOG.warning("The segments of the log stay as small as they are: %s", error)
                    return
                self._grown.wait()

    def merge(self) -> bool:
        """Merge some neighbours into one segment, if there are many; return whether there were.

        The new one is whole before the old ones go: whatever stops this, every line is in one.
        """
        if self._left:
            self._events.delete(*self._left)
            self._left.clear()
        with self._lock:
            held = list(self._held)
        chosen = due([each.piece for each in held])
        if chosen is None:
            return False
        old = held[chosen]
        content = _read(self._log, old[0].offset, old[-1].end)
        if len(content) < old[-1].end - old[0].offset:
            return False  # the last lines are not in the local file yet
        piece = Piece(
            segment=Segment(
                first=old[0].piece.first,
                stop=old[-1].piece.stop,
                epoch=self._claim.epoch,
                num_bytes=len(content),
            ),
            first=old[0].piece.first,
            stop=old[-1].piece.stop,
        )
        self._claim.require_in_force()
        self._events.write(piece.segment.name, [content])
        with self._lock:
            merged = _Held(piece=piece, offset=old[0].offset, end=old[-1].end)
            self._held[chosen] = [merged]
            needed = {each.piece.segment.name for each in self._held}
        names = {each.piece.segment.name for each in old} - needed
        self._events.delete(*sorted(names))
        return True


def _places(pieces: Iterable[Piece], log: Path) -> list[_Held]:
    """Find where pieces begin and end in the local file."""
    held: list[_Held] = []
    offset = 0
    with log.open("rb") as file:
        for piece in pieces:
            for _ in range(piece.stop - piece.first):
                file.readline()
            end = file.tell()
            held.append(_Held(piece=piece, offset=offset, end=end))
            offset = end
    return held


def _read(log: Path, start: int, end: int) -> bytes:
    file = os.open(log, os.O_RDONLY)
    try:
        parts: list[bytes] = []
        while start < end and (part := os.pread(file, end - start, start)):
            parts.append(part)
            start += len(part)
        return b"".join(parts)
    finally:
        os.close(file)
