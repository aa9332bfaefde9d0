"""Who watches a search: the live table, the MLflow record, a test. None of them can disturb it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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

    Calls may come from several threads; observers see one at a time. An observer that fails is
    warned about once and not called again.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._watching = list(observers)
        self._lock = threading.RLock()

    def on_event(self, event: Event, number: int, replayed: bool) -> None:  # noqa: FBT001 - see Observer
        """Pass the event on."""
        self._tell(lambda observer: observer.on_event(event, number, replayed))

    def on_progress(self, progress: tuple[LiveProgress, ...]) -> None:
        """Pass the progress on."""
        self._tell(lambda observer: observer.on_progress(progress))

    def close(self) -> None:
        """Close those that are still watching; a second call does nothing."""
        with self._lock:
            self._tell(lambda observer: observer.close())
            self._watching.clear()

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
