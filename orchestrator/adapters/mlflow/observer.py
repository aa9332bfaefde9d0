"""The record of a search in MLflow while it runs: a parent run, and a run for each segment.

An observer with a thread of its own: a slow or missing MLflow neither slows nor fails the search.
That it cannot be written is said once, when it is first seen (of a server, before the search
begins), and what it lacks at the end. The thread rests nineteen times as long as it computed, so
that it takes a twentieth of a core from the search at most, and as long as a store took to answer.
"""

from __future__ import annotations

import logging
import os
import queue
import shlex
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestrator.adapters.mlflow.client import (
    URI_VARIABLE,
    knock,
    sqlite_uri,
    told_to_users,
)
from orchestrator.adapters.mlflow.ending import write_ending
from orchestrator.adapters.mlflow.recorder import Recorder
from orchestrator.credentials import without_credentials
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME
from orchestrator.record.identity import search_id
from orchestrator.record.search import search_record
from orchestrator.storage.working_copy import shown
from orchestrator.story.telling import Story

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.events import Event
    from orchestrator.observers import LiveProgress
    from orchestrator.run_config import MlflowConfig

DEFAULT_EXPERIMENT = "masga"
_LOG = logging.getLogger("masga")
_PATIENCE_SECONDS = 20.0
_KNOCKING_SECONDS = 5.0
_REST = 19.0
"""Times the processor time of the work before it."""
_REST_AFTER_FAILURE_SECONDS = 5.0


class MlflowRecord:
    """Observer that records a search in MLflow.

    Args:
        config: Where to record.
        directory: The search's.
        patience_seconds: Longest time that `close` waits for what is not written yet.
    """

    def __init__(
        self,
        config: MlflowConfig,
        *,
        directory: Path,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self.tracking_uri = tracking_uri(config, directory)
        self._patience = patience_seconds
        self._directory = directory
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._scribe = _Scribe(config, directory, self.tracking_uri, warn=self._warn)
        self._thread = threading.Thread(target=self._write, name="mlflow-record", daemon=True)
        self._has_begun = False
        self._has_warned = False
        self._closing = threading.Event()

    @property
    def lost(self) -> str | None:
        """What MLflow does not have, and why; read it after `close`."""
        missing = self._scribe.missing()
        if not missing and not self._thread.is_alive():
            return None
        why = self._scribe.error or f"it did not finish within {self._patience:g} s"
        store = without_credentials(self.tracking_uri)
        return (
            f"MLflow at {store} is missing {missing or 'a part'} of this search: "
            f"{why}. The event log has everything; "
            f"'masga sync {shlex.quote(shown(self._directory))}' brings it there."
        )

    @property
    def command(self) -> str:
        """How to look at the record."""
        return look(self.tracking_uri)

    def knock(self) -> None:
        """See whether a server lets us in, and warn at once if it does not."""
        if urlsplit(self.tracking_uri).scheme not in {"", "file", "sqlite"}:
            trouble = knock(self.tracking_uri, patience_seconds=_KNOCKING_SECONDS)
            if trouble is not None:
                self._warn(trouble)

    def on_event(self, event: Event, number: int, replayed: bool) -> None:  # noqa: ARG002, FBT001 - the Observer protocol
        """Hand the event to the thread; it finds out what is recorded already."""
        if not self._has_begun:
            self._has_begun = True
            self._thread.start()
        self._events.put(event)

    def on_progress(self, progress: tuple[LiveProgress, ...]) -> None:
        """Only events are recorded."""

    def close(self) -> None:
        """Wait for what is not written yet, but not long."""
        self._events.put(None)
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(self._patience)

    def _warn(self, trouble: str) -> None:
        """Say it once: what is still missing at the end is said then."""
        if not self._has_warned:
            self._has_warned = True
            _LOG.warning(
                "%s\nThe search goes on without MLflow, which is tried again; "
                "'masga sync %s' brings it up to date at any time.",
                without_credentials(trouble),
                shlex.quote(str(self._directory)),
            )

    def _write(self) -> None:
        while self._take():
            began, computed = time.monotonic(), time.thread_time()
            done = self._scribe.bring(is_running=True)
            rest = rest_seconds(
                took=time.monotonic() - began, computed=time.thread_time() - computed, done=done
            )
            self._closing.wait(rest)
        self._scribe.end()

    def _take(self) -> bool:
        """Take what has come, at least one event; return whether more will."""
        event = self._events.get()
        while event is not None:
            self._scribe.take(event)
            if self._events.empty():
                return True
            event = self._events.get()
        return False


def rest_seconds(*, took: float, computed: float, done: bool) -> float:
    """Return how long to rest after work that took so long, and computed for a part of that.

    >>> rest_seconds(took=0.75, computed=0.5, done=True)
    9.5
    >>> rest_seconds(took=30.0, computed=0.5, done=True)
    30.0
    >>> rest_seconds(took=0.75, computed=0.125, done=False)
    5.0
    """
    rest = max(_REST * computed, took)
    return rest if done else max(rest, _REST_AFTER_FAILURE_SECONDS)


def tracking_uri(config: MlflowConfig, directory: Path) -> str:
    """Return the configured store, the environment's, or the SQLite file beside the searches."""
    return (
        config.tracking_uri
        or os.environ.get(URI_VARIABLE)
        or sqlite_uri(directory.resolve().parent / "mlflow.db")
    )


def look(uri: str) -> str:
    """Return how to look at a store."""
    uri = without_credentials(uri)
    if uri.startswith("http"):
        return f"open {uri} in a browser"
    return f"mlflow ui --backend-store-uri {shlex.quote(uri)}"


class _Scribe:
    """Lives on the thread: brings the store up to date, and keeps in mind why it could not."""

    def __init__(
        self, config: MlflowConfig, directory: Path, uri: str, *, warn: Callable[[str], None]
    ) -> None:
        self.story = Story()
        self.lines = 0
        self.error: str | None = None
        self._model = config.register_model
        self._directory = directory
        self._recorder = Recorder(uri, config.experiment or DEFAULT_EXPERIMENT, directory)
        self._has_ended = False
        self._uri, self._warn = uri, warn

    def take(self, event: Event) -> None:
        """Take the next event of the log."""
        self.story.add(event)
        self.lines += 1

    def missing(self) -> str:
        """Name what has not been written."""
        if self.story.started is None:
            return ""
        newest = self._recorder.newest_generation
        closed = [closing.generation for closing in list(self.story.closings)]
        names = [f"generation {number}" for number in closed if number > newest]
        if not self._has_ended:
            names.append("the files of its end")
        return ", ".join(names) if len(names) <= 4 else f"{names[0]} to {names[-1]} ({len(names)})"

    def bring(self, *, is_running: bool) -> bool:
        """Write what the store lacks; a failure leaves the rest for the next time."""
        return self._tried(is_running=is_running, ends=False)

    def end(self) -> None:
        """Write what the store lacks and the files; once more if it fails: it may have passed."""
        if self.story.started is not None:
            self._has_ended = any(self._tried(is_running=False, ends=True) for _ in range(2))

    def _tried(self, *, is_running: bool, ends: bool) -> bool:
        try:
            self._write(is_running=is_running, ends=ends)
        except UserError as error:
            told = str(error)
            self.error = told.removeprefix(f"{error.where}: ").removesuffix(f". {error.remedy}")
        except Exception as error:  # noqa: BLE001 - whatever MLflow raises, the search goes on
            told = self.error = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        else:
            return True
        self._warn(told)
        return False

    def _write(self, *, is_running: bool, ends: bool) -> None:
        search = search_id(self._directory / LOG_NAME)
        if search is None:
            raise FileNotFoundError(f"{self._directory / LOG_NAME} cannot be read")
        if self.story.started is None:
            return
        with told_to_users(self._uri), self._recorder.turn():
            record = search_record(
                self.story,
                search=search,
                name=self._directory.name,
                directory=str(self._directory.resolve()),
                is_running=is_running,
            )
            self._recorder.bring(record)
            if ends:
                write_ending(
                    self._recorder,
                    record,
                    self.story,
                    self._directory,
                    lines=self.lines,
                    model=self._model,
                )
