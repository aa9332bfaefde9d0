"""Who watches a search: the live table, the MLflow record, a test. None of them can disturb it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orchestrator.garbage import uncollected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.events import Event

_LOG = logging.getLogger("masga")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveProgress:
    """How far a member is inside its interval; never in the event log."""

    member: int
    generation: int
    tokens_done: int
    """Of this interval."""
    tokens_of_interval: int
    train_loss: float | None
    """Latest, nats per token."""
    worker: int


class Observer(Protocol):
    """Watches a search from the process that drives it; must return quickly."""

    def on_event(self, event: Event, number: int, replayed: bool) -> None:  # noqa: FBT001 - a fact about the event
        """Take an event, its line in the log, and if it is from before a resume."""

    def on_progress(self, progress: tuple[LiveProgress, ...]) -> None:
        """Take the state of all members in training, a few times a second."""

    def close(self) -> None:
        """End; called once, also after a failure or Ctrl-C."""


class Audience:
    """All observers of a search as one that never raises.

    Calls may come from several threads; observers see one at a time, and events in their order. An
    observer that fails is warned about once and not called again.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._watching = list(observers)
        self._lock = threading.RLock()
        self._waiting: deque[tuple[Event, int, bool]] | None = None
        """Events that came while the past was being told; none: it is not being told."""
        self._teller: threading.Thread | None = None

    def on_event(self, event: Event, number: int, replayed: bool) -> None:  # noqa: FBT001 - see Observer
        """Pass the event on, once all before it are told."""
        with self._lock:
            if self._waiting is not None:
                self._waiting.append((event, number, replayed))
            else:
                self._tell_event(event, number, replayed)

    def on_past(self, events: Iterable[Event], number: int) -> None:
        """Tell events of long ago in a thread; those that come meanwhile are told after them.

        A search that goes on from a snapshot does not wait until a million events are read.

        Args:
            events: In their order.
            number: Of the first.
        """
        assert self._waiting is None
        self._waiting = deque()
        self._teller = threading.Thread(
            target=self._tell_past, args=(events, number), name="past", daemon=True
        )
        self._teller.start()

    def _tell_past(self, events: Iterable[Event], number: int) -> None:
        try:
            with uncollected():
                for at, event in enumerate(events, number):
                    self._tell_event(event, at, True)
        except Exception as error:  # noqa: BLE001 - a forged line, or the file has gone
            _LOG.warning("The log's past cannot be shown; the search goes on: %s", error)
            with self._lock:
                self._tell(lambda observer: observer.close())
                self._watching.clear()
        while True:
            with self._lock:
                assert self._waiting is not None
                if not self._waiting:
                    self._waiting = None
                    return
                self._tell_event(*self._waiting.popleft())

    def on_progress(self, progress: tuple[LiveProgress, ...]) -> None:
        """Pass the progress on; nothing shows it while the past is told."""
        with self._lock:
            if self._waiting is None:
                self._tell(lambda observer: observer.on_progress(progress))

    def close(self) -> None:
        """Close those that are still watching, once all is told; a second call does nothing."""
        if self._teller is not None:
            self._teller.join()
        with self._lock:
            self._tell(lambda observer: observer.close())
            self._watching.clear()

    def _tell_event(self, event: Event, number: int, replayed: bool) -> None:  # noqa: FBT001 - see Observer
        self._tell(lambda observer: observer.on_event(event, number, replayed))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        with self._lock:
            for observer in tuple(self._watching):
                try:
                    tell(observer)
                except Exception as error:  # noqa: BLE001 - whatever a display does, the search goes on
                    self._watching.remove(observer)
                    _LOG.warning(
                        "%s failed and is not called again; the search goes on: %s: %s",
                        type(observer).__name__,
                        type(error).__name__,
                        error,
                    )
