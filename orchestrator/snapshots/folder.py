"""Snapshots as files of a folder, each sealed and bound to the log's checksum at its place."""

from __future__ import annotations

import json
import logging
import re
import zlib
from typing import TYPE_CHECKING

from pydantic_core import PydanticSerializationError, from_json, to_json

from orchestrator.errors import UserError
from orchestrator.garbage import uncollected
from orchestrator.snapshots.kept import Snapshot
from orchestrator.snapshots.reading import kept_of
from orchestrator.snapshots.rows import made_rows
from orchestrator.snapshots.writing import rows_of

if TYPE_CHECKING:
    from orchestrator.event_log import EventLog
    from trainers.folder import Folder

FORMAT = 1
"""Snapshots of another one are as good as none."""
EVERY = 50_000
"""Events between snapshots, at least: following so many takes three seconds."""
_LEFT = 2
"""Snapshots that are left, so that one is old enough for its newest events to be decided again."""
_NAME = re.compile(r"[0-9]{12}\.json")
_HALF_WRITTEN = re.compile(r"\.[0-9]{12}\.json\.[0-9a-f]+")
_LOG = logging.getLogger("masga")


class SnapshotFolder:
    """Keeps the newest snapshots of a search; one that does not fit its log is as good as none.

    Args:
        folder: Where.
        log: Of the search, open.
        every: Events between snapshots, at least. A state that has more rows than that is kept
            after so many events as it has rows, so that keeping costs a small part of deciding.
    """

    def __init__(self, folder: Folder, log: EventLog, *, every: int = EVERY) -> None:
        self._folder, self._log, self._every = folder, log, every
        self._newest, self._rows = 0, 0

    def newest(self, *, most: int) -> Snapshot | None:
        """Return the newest snapshot of at most so many events of this log; none: there is none."""
        numbers = sorted(self._numbers(), reverse=True)
        self._newest = max((n for n in numbers if n <= len(self._log.events)), default=0)
        for events in numbers:
            if events <= min(most, len(self._log.events)):
                try:
                    return self._read(events)
                except (OSError, ValueError, UserError) as error:
                    _LOG.warning("The snapshot %s is of no use: %s", self._place(events), error)
        return None

    def is_due(self, events: int) -> bool:
        """Return whether the state after so many events is worth keeping."""
        return events - self._newest >= max(self._every, self._rows)

    def keep(self, snapshot: Snapshot) -> None:
        """Keep the state after so many events of the log; a failure is warned about."""
        self._newest = snapshot.events
        rows = rows_of(snapshot.kept)
        self._rows = len(rows)
        try:
            self._folder.write(_name(snapshot.events), self._sealed(to_json(rows), snapshot.events))
            self._leave_newest(snapshot.events)
        except (OSError, PydanticSerializationError, UserError) as error:
            _LOG.warning(
                "The snapshot %s is not kept; going on with this search will take longer: %s",
                self._place(snapshot.events),
                error,
            )

    def _leave_newest(self, most: int) -> None:
        """Delete all but the newest snapshots, and what a crash left of one half written."""
        names = [entry.name for entry in self._folder.entries()]
        kept = sorted((name for name in names if _NAME.fullmatch(name)), reverse=True)
        left = [name for name in kept if name <= _name(most)][:_LEFT]
        half = [name for name in names if _HALF_WRITTEN.fullmatch(name)]
        self._folder.delete(*half, *(name for name in kept if name not in left))

    def _sealed(self, body: bytes, events: int) -> tuple[bytes, bytes]:
        bound = self._log.checksum_before(events)
        assert bound is not None
        header = {"format": FORMAT, "log": f"{bound:08x}", "sum": f"{zlib.crc32(body):08x}"}
        return json.dumps(header).encode() + b"\n", body

    def _read(self, events: int) -> Snapshot:
        header, _, body = bytes(self._folder.read(_name(events))).partition(b"\n")
        expected, _ = self._sealed(body, events)
        if header + b"\n" != expected:
            raise ValueError("its seal is not that of its content, this log and this version.")
        with uncollected():
            rows = made_rows(from_json(body))
            self._rows = len(rows)
            return Snapshot(events=events, kept=kept_of(rows))

    def _numbers(self) -> list[int]:
        try:
            names = [entry.name for entry in self._folder.entries()]
        except (OSError, UserError):
            return []
        return [int(name.removesuffix(".json")) for name in names if _NAME.fullmatch(name)]

    def _place(self, events: int) -> object:
        return self._folder.place(_name(events))


def _name(events: int) -> str:
    return f"{events:012d}.json"
