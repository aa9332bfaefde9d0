"""Records what a search decides, or holds it against the log of the run that it resumes.

A search is a deterministic function of its run file and its members' reports. Resuming therefore
replays the log through the same code: what the code decides again is compared with what was
logged, the log wins, and once the log is used up new events are appended to it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from orchestrator.errors import UserError
from orchestrator.events import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.event_log import EventLog
    from orchestrator.events import Event

Listener = "Callable[[Event, int, bool], None]"


class Journal:
    """Gives each event its place: replayed from the log or appended to it, then told to listeners.

    Args:
        log: The open log; its `events` are replayed first.
        listener: Called with (event, number, replayed) once an event is certain.
    """

    def __init__(self, log: EventLog, listener: Callable[[Event, int, bool], None]) -> None:
        self._log = log
        self._listener = listener
        self._replay = deque(log.events)
        self._number = 0
        self.departures = 0
        """Events that the code decided otherwise than the log (another version of a library)."""

    @property
    def replaying(self) -> bool:
        """Whether logged events are still waiting to be met again."""
        return bool(self._replay)

    def record(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Return the events that are in force: the logged ones first, the given ones beyond them.

        Raises:
            UserError: The log tells of another course of events than its own reports lead to.
        """
        replayed: list[Event] = []
        for event in events:
            if not self._replay:
                break
            replayed.append(self._confirm(event, self._replay.popleft()))
        fresh = tuple(events[len(replayed) :])
        if fresh:
            self._log.append(fresh)
        for event in replayed:
            self._tell(event, replayed=True)
        for event in fresh:
            self._tell(event, replayed=False)
        return (*replayed, *fresh)

    def _tell(self, event: Event, *, replayed: bool) -> None:
        self._listener(event, self._number, replayed)
        self._number += 1

    def _confirm(self, decided: Event, logged: Event) -> Event:
        if _place(decided) != _place(logged):
            raise UserError(
                where=f"event {self._number} of the log",
                law="a log follows from its run file and its members' reports",
                found=f"{_place(logged)} where {_place(decided)} follows",
                remedy="The log or the run file was altered; restore them, or start a new search.",
            )
        # a report is taken from the log itself: it is what was logged
        if decided is not logged and encode(decided)[1] != encode(logged)[1]:
            self.departures += 1
        return logged


def _place(event: Event) -> tuple[str, object, object]:
    return (
        type(event).__name__,
        getattr(event, "member", None),
        getattr(event, "generation", None),
    )
