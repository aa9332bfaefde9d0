"""Records what a search decides, or holds it against the log of the run that it resumes.

A search is a deterministic function of its run file and its members' reports. Resuming therefore
replays the log through the same code: what the code decides again is compared with what was
logged, the log wins, and once the log is used up new events are appended to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.advances import settled
from orchestrator.errors import UserError
from orchestrator.events import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.event_log import EventLog
    from orchestrator.events import Event


class Journal:
    """Gives each event its place: replayed from the log or appended to it, then told to listeners.

    Args:
        log: The open log; its `events` are replayed first.
        listener: Called with (event, number, replayed) once an event is certain.
        on_past: Called with (events, number of the first) where their effect is known without
            meeting them again; none: the listener is told them one by one.
    """

    def __init__(
        self,
        log: EventLog,
        listener: Callable[[Event, int, bool], None],
        *,
        on_past: Callable[[Iterable[Event], int], None] | None = None,
    ) -> None:
        self._log = log
        self._listener = listener
        self._on_past = on_past
        self._ahead: tuple[Event, ...] = ()
        self._ahead_from: int | None = None
        self.number = 0
        """Events so far that are in force."""
        self.departures = 0
        """Events that the code decided otherwise than the log (another version of a library)."""

    @property
    def logged(self) -> int:
        """How many events the log had when it was opened."""
        return len(self._log.events)

    def record(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Return the events that are in force: the logged ones first, the given ones beyond them.

        Raises:
            UserError: The log tells of another course of events than its own reports lead to.
        """
        logged = self._next(len(events))
        replayed = [
            self._confirm(*pair, number=self.number + n)
            for n, pair in enumerate(zip(events, logged, strict=False))
        ]
        fresh = tuple(events[len(replayed) :])
        if fresh:
            self._log.append(fresh)
        for event in replayed:
            self._tell(event, replayed=True)
        for event in fresh:
            self._tell(event, replayed=False)
        if self.number >= self.logged:
            self._ahead = ()
        return (*replayed, *fresh)

    def _tell(self, event: Event, *, replayed: bool) -> None:
        self._listener(event, self.number, replayed)
        self.number += 1

    def _next(self, count: int) -> Sequence[Event]:
        """Return the next events of the log, as many as there are."""
        if self._ahead_from is None:
            return self._log.events[self.number : self.number + count]
        at = self.number - self._ahead_from
        return self._ahead[at : at + count]

    def ahead(self) -> tuple[Event, ...]:
        """Return what the log has beyond the events in force."""
        if self._ahead_from is None:
            self._ahead, self._ahead_from = self._log.events[self.number :], self.number
        return self._ahead[self.number - self._ahead_from :]

    def pass_over(self, number: int) -> None:
        """Put the first events in force, whose effect is known."""
        assert self.number <= number <= self.logged
        if self._on_past is None:
            for event in self._log.events[self.number : number]:
                self._tell(event, replayed=True)
        else:
            self._on_past(self._log.events.read_apart(self.number, number), self.number)
            self.number = number

    def settled(self, *, newest: int) -> tuple[Event, ...]:
        """Put in force what the log has settled; see `orchestrator.advances`.

        Args:
            newest: Of the log's last events, so many at least are left to be met again.
        """
        left = self.ahead()
        found = left[: settled(left, newest=newest)]
        for event in found:
            self._tell(event, replayed=True)
        return found

    def hold_against(self, decided: Event, logged: Event) -> None:
        """Count a departure where what was decided is not what was logged."""
        # a report is taken from the log itself: it is what was logged
        self.departures += decided is not logged and encode(decided)[1] != encode(logged)[1]

    def _confirm(self, decided: Event, logged: Event, *, number: int) -> Event:
        if _place(decided) != _place(logged):
            raise UserError(
                where=f"event {number} of the log",
                law="a log follows from its run file and its members' reports",
                found=f"{_place(logged)} where {_place(decided)} follows",
                remedy="The log or the run file was altered; restore them, or start a new search.",
            )
        self.hold_against(decided, logged)
        return logged


def _place(event: Event) -> tuple[str, object, object]:
    return (
        type(event).__name__,
        getattr(event, "member", None),
        getattr(event, "generation", None),
    )
