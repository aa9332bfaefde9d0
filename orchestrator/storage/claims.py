"""One writer for each log, without locks: claims with a heartbeat, and fences.

A claim is an object, `writers/<epoch>-<random>.json`, that its writer puts again every few seconds.
Whoever wants to write puts a claim of a higher epoch than any before, looks around, and withdraws
if there is another that lives or is not older than its own. A claim is dead when its last heartbeat
is a minute older than one's own by the clock of the store, which stamps both: no other clock is
compared; or when its process was one of this system and has gone. One in doubt is watched until it
beats or is dead. A fence (see `segments`) makes taking over certain whatever the one before does.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import Clause, UserError
from orchestrator.storage.segments import Segment, highest_epoch, segments_of
from orchestrator.storage.store import hasty

if TYPE_CHECKING:
    from trainers.folder import Entry, Folder

_LOG = logging.getLogger("masga")
EVENTS, WRITERS = "events", "writers"
_NAME = re.compile(r"(\d{6,})-[0-9a-f]{8}\.json")
_FIELDS = frozenset({"host", "process"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often a writer shows that it lives, and when it is taken for dead."""

    beat_seconds: float = 10.0
    stale_seconds: float = 60.0


USUAL = Rhythm()


class Claim:
    """The right to write the log of a folder, until it is closed or another writer takes over.

    Args:
        folder: Of the log: holds `events` and `writers`.
        rhythm: Of the heartbeat.

    Raises:
        UserError: Another process writes this log, or is about to.
    """

    def __init__(self, folder: Folder, rhythm: Rhythm = USUAL) -> None:
        self._events, self._writers = folder / EVENTS, folder / WRITERS
        self._where = str(folder.place(EVENTS))
        self._rhythm = rhythm
        claimed = max((_epoch(entry) for entry in self._claims()), default=0)
        self.epoch = 1 + max(claimed, _highest_begun(self._events))
        self._name = f"{self.epoch:06d}-{secrets.token_hex(4)}.json"
        self._ended = threading.Event()
        self._is_superseded = False
        self._thread = threading.Thread(target=self._live, name="log-claim", daemon=True)
        self._beat(self._writers)
        try:
            self._require_alone()
        except BaseException:
            self._writers.delete(self._name)
            raise
        self._thread.start()

    def fence(self, line: int) -> None:
        """Begin to write: from this line on nothing counts that an earlier writer may write.

        Raises:
            UserError: A later writer has taken over.
        """
        self.require_in_force()
        fence = Segment(first=line, stop=line, epoch=self.epoch, num_bytes=0)
        self._events.write(fence.name, [])
        claims = self._claims()
        if max(map(_epoch, claims), default=0) > self.epoch:
            self._is_superseded = True
        self._look(self._events)
        if self._is_superseded:
            self._events.delete(fence.name)
            raise self._superseded()
        dead = [claim.name for claim in claims if _epoch(claim) < self.epoch]
        self._writers.delete(*dead)

    def require_in_force(self) -> None:
        """Check that no later writer has taken over; costs nothing while the heart beats.

        Raises:
            UserError: One has: this process was paused, or cut off from the store, for too long.
        """
        if not self._is_superseded and _now() - self._beaten > self._rhythm.stale_seconds / 2:
            self._look(self._events)
        if self._is_superseded:
            raise self._superseded()

    def close(self) -> None:
        """Give the right back."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            hasty(self._writers).delete(self._name)
        except UserError as error:
            _LOG.warning("The claim to write is left to grow old: %s", error)

    def _live(self) -> None:
        """Beat until the end. A store that is away is met again at the next beat."""
        events, writers = hasty(self._events), hasty(self._writers)
        is_heard = True
        while not self._ended.wait(self._rhythm.beat_seconds) and not self._is_superseded:
            try:
                self._look(events)
                if not self._is_superseded:
                    self._beat(writers)
                is_heard = True
            except (UserError, OSError) as error:
                if is_heard:
                    found = error.found if isinstance(error, UserError) else error
                    _LOG.warning("%s: no heartbeat can be written now: %s", self._where, found)
                is_heard = False

    def _beat(self, writers: Folder) -> None:
        began = _now()
        told = {"host": socket.gethostname(), "process": os.getpid(), "system": _system()}
        writers.write(self._name, [json.dumps(told).encode()])
        self._beaten = began

    def _look(self, events: Folder) -> None:
        if _highest_begun(events) > self.epoch:
            self._is_superseded = True

    def _claims(self) -> list[Entry]:
        return [entry for entry in self._writers.entries() if _NAME.fullmatch(entry.name)]

    def _require_alone(self) -> None:
        """See that nobody else writes; one that may have died is watched until that is certain."""
        watched = self._others()
        is_told = False
        while watched:
            if not is_told:
                _LOG.warning(
                    "%s may be written by another process%s; waiting for up to %g s to see "
                    "whether that lives",
                    self._where,
                    _told(_read(self._writers, min(watched))),
                    self._rhythm.stale_seconds,
                )
                is_told = True
            time.sleep(self._rhythm.beat_seconds / 5)
            self._beat(self._writers)
            now = self._others()
            for name in watched.keys() & now.keys():
                if now[name] != watched[name]:
                    raise self._taken(name)  # it has just beaten
            watched = now

    def _others(self) -> dict[str, float]:
        """Return the claims before this one that may live, with their last beats.

        Raises:
            UserError: One is not older than this one, or has begun to write.
        """
        claims = self._claims()
        mine = next((claim for claim in claims if claim.name == self._name), None)
        if mine is None or _highest_begun(self._events) >= self.epoch:
            raise self._taken(None)
        found: dict[str, float] = {}
        for claim in claims:
            if claim.name == self._name:
                continue
            if _epoch(claim) >= self.epoch:
                raise self._taken(claim.name)
            oldest = mine.modified - self._rhythm.stale_seconds
            if claim.modified > oldest and not _has_died(_read(self._writers, claim.name)):
                found[claim.name] = claim.modified
        return found

    def _taken(self, name: str | None) -> UserError:
        whose = "" if name is None else _told(_read(self._writers, name))
        return UserError(
            where=self._where,
            law="one process writes a search",
            found=f"another one that is writing it now{whose}",
            remedy="Wait for it or stop it (Ctrl-C), then resume.",
        )

    def _superseded(self) -> UserError:
        return UserError(
            where=self._where,
            law="one process writes a search",
            found=Clause(
                "another one has taken over: this one was paused, or cut off from the store, for "
                f"more than {self._rhythm.stale_seconds:g} s"
            ),
            remedy="Nothing is lost: the other one goes on from what had been stored by then.",
        )


def is_claimed(folder: Folder, rhythm: Rhythm = USUAL) -> bool:
    """Return whether a writer lives, by the clock of the store.

    To tell the time there, an object is written and deleted again, and only if there is a claim.
    Whoever may only read is told by this machine's clock: nothing is decided by it.
    """
    writers = folder / WRITERS
    claims = [entry.modified for entry in writers.entries() if _NAME.fullmatch(entry.name)]
    if not claims:
        return False
    return max(claims) > _now_of(writers) - rhythm.stale_seconds


def _now_of(writers: Folder) -> float:
    clock = f"clock-{secrets.token_hex(4)}"
    try:
        writers.write(clock, [b"{}"])
    except UserError as error:
        _LOG.warning("Whether this search runs is told by this machine's clock: %s", error)
        return time.time()
    try:
        return next(entry.modified for entry in writers.entries() if entry.name == clock)
    finally:
        writers.delete(clock)


def _highest_begun(events: Folder) -> int:
    return highest_epoch(segments_of(events.entries()))


def _epoch(claim: Entry) -> int:
    return int(claim.name.partition("-")[0])


def _read(writers: Folder, name: str) -> dict[str, object]:
    """Return what a claim says of its process; nothing if it has gone."""
    try:
        told = json.loads(writers.read(name))
    except (FileNotFoundError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _told(claim: dict[str, object]) -> str:
    return f" (process {claim['process']} on {claim['host']})" if claim.keys() >= _FIELDS else ""


def _has_died(claim: dict[str, object]) -> bool:
    """Return whether the process of a claim ran on this very system, and runs no more."""
    process = claim.get("process")
    if claim.get("system") != _system() or not isinstance(process, int):
        return False
    return not Path("/proc", str(process)).exists()


def _system() -> str:
    """Name the boot of this machine and the name space of its process numbers."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _now() -> float:
    """Return seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
