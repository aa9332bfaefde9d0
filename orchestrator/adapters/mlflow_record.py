"""The record of a search in MLflow: one run, metrics over the search's tokens.

An observer with a thread of its own: a slow or missing MLflow neither slows nor fails the search,
and what could not be recorded is said once, at the end. The store itself is the truth of what is
recorded already, so that a resumed search goes on in the same run without doubled points.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import shlex
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.console.summary import Places, as_text, summary
from orchestrator.events import Assessed, GenerationClosed, SearchFinished
from orchestrator.story.metrics import final_points, finished_at, generation_points
from orchestrator.story.telling import Story

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.events import JSON, Event
    from orchestrator.observers import LiveProgress
    from orchestrator.run_config import MlflowConfig

DEFAULT_EXPERIMENT = "masga"
MARK = "generation"
"""The metric that is written last: a generation that has it is recorded whole."""
_RUN_FILE = "mlflow.json"
_METRICS_A_CALL, _PARAMS_A_CALL = 900, 90
_LONGEST_PARAM = 6000
_PATIENCE_SECONDS = 20.0
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


class MlflowRecord:
    """Observer that records a search in MLflow.

    Args:
        config: Where to record.
        directory: The search's; it remembers the MLflow run there.
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
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._writer = _Writer(
            self.tracking_uri, config.experiment or DEFAULT_EXPERIMENT, directory
        )
        self._thread = threading.Thread(target=self._write, name="mlflow-record", daemon=True)

    @property
    def lost(self) -> str | None:
        """What MLflow does not have, and why; read it after `close`."""
        missing = self._writer.missing()
        if not missing and not self._thread.is_alive():
            return None
        why = self._writer.error or f"it did not finish within {self._patience:g} s"
        return (
            f"MLflow at {self.tracking_uri} is missing {missing or 'a part'} of this search: "
            f"{why}. The event log has everything."
        )

    @property
    def command(self) -> str:
        """How to look at the record."""
        if self.tracking_uri.startswith("http"):
            return f"open {self.tracking_uri} in a browser"
        return f"mlflow ui --backend-store-uri {shlex.quote(self.tracking_uri)}"

    def on_event(self, event: Event, number: int, replayed: bool) -> None:  # noqa: ARG002, FBT001 - the Observer protocol
        """Hand the event to the thread; it finds out what is recorded already."""
        if not self._thread.is_alive() and self._writer.is_new:
            self._writer.is_new = False
            self._thread.start()
        self._events.put(event)

    def on_progress(self, progress: tuple[LiveProgress, ...]) -> None:
        """Only events are recorded."""

    def close(self) -> None:
        """Wait for what is not written yet, but not long."""
        self._events.put(None)
        if self._thread.is_alive():
            self._thread.join(self._patience)

    def _write(self) -> None:
        while (event := self._events.get()) is not None:
            self._writer.take(event)
            if self._events.empty():
                self._writer.flush()
        self._writer.end()


def tracking_uri(config: MlflowConfig, directory: Path) -> str:
    """Return the configured store, or the SQLite file beside the searches."""
    return config.tracking_uri or f"sqlite:///{directory.resolve().parent / 'mlflow.db'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What belongs together: the points of a generation, or of the end."""

    name: str
    points: dict[str, float]
    tokens: int
    finished_at: float
    """Seconds since the epoch."""
    generation: int | None = None


class _Writer:
    """Lives on the thread: turns events into calls, and keeps what did not get through."""

    def __init__(self, uri: str, experiment: str, directory: Path) -> None:
        self.is_new = True
        self.error: str | None = None
        self._uri, self._experiment, self._directory = uri, experiment, directory
        self._story = Story()
        self._pending: list[_Batch] = []
        self._client: Any = None
        self._run_id = ""
        self._recorded: frozenset[int] | None = None
        self._unended = False

    def missing(self) -> str:
        """Name what has not been written."""
        names = [batch.name for batch in list(self._pending)]
        if self._unended:
            names.append("the summary")
        return ", ".join(names) if len(names) <= 4 else f"{names[0]} to {names[-1]} ({len(names)})"

    def take(self, event: Event) -> None:
        self._story.add(event)
        match event:
            case GenerationClosed():
                batch = _Batch(
                    name=f"generation {event.generation}",
                    points=generation_points(self._story, event),
                    tokens=event.tokens,
                    finished_at=finished_at(self._story, event.generation),
                    generation=event.generation,
                )
                self._pending.append(batch)
            case Assessed() | SearchFinished():
                self._unended = True

    def flush(self) -> None:
        """Write what is pending; a failure leaves the rest for the next time."""
        if self._story.started is None:
            return
        try:
            self._connect()
            while self._pending:
                batch = self._pending[0]
                if batch.generation not in (self._recorded or ()):
                    self._log(batch)
                self._pending.pop(0)
        except Exception as error:  # noqa: BLE001 - whatever MLflow raises, the search goes on
            self._failed(error)

    def end(self) -> None:
        """Write what is pending, the end of the search, and the run's status."""
        self._unended = True
        self.flush()
        if self._pending or self._client is None:
            self.flush()  # once more: what failed may have passed
        if self._pending or self._client is None:
            return
        story = self._story
        try:
            points = final_points(story)
            if points and not self._client.get_metric_history(self._run_id, next(iter(points))):
                ending = finished_at(story, story.closings[-1].generation)
                self._log(
                    _Batch(name="the end", points=points, tokens=story.tokens, finished_at=ending)
                )
            if story.finished is not None and story.finished.digest is not None:
                self._client.set_tag(self._run_id, "winner", story.finished.digest)
            self._client.log_text(
                self._run_id,
                as_text(summary(story, Places(files=(), commands=())), width=160),
                "summary.txt",
            )
            ended = "KILLED" if story.finished is None else "FINISHED"
            self._client.set_terminated(self._run_id, ended)
            self._unended = False
        except Exception as error:  # noqa: BLE001 - see flush
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.error = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        # a call that failed may have been carried out: ask the store before the next one
        self._recorded = None

    def _connect(self) -> None:
        if self._client is None:
            self._client = open_client(self._uri)
        if not self._run_id:
            self._run_id = self._known_run() or self._new_run()
        if self._recorded is None:
            history = self._client.get_metric_history(self._run_id, MARK)
            self._recorded = frozenset(int(point.value) for point in history)

    def _known_run(self) -> str | None:
        file = self._directory / _RUN_FILE
        if not file.exists():
            return None
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["tracking_uri"] != self._uri:
            return None
        run_id = str(known["run_id"])
        self._client.update_run(run_id, status="RUNNING")
        return run_id

    def _new_run(self) -> str:
        assert self._story.started is not None
        run = self._story.started.run
        experiment = self._client.get_experiment_by_name(self._experiment)
        if experiment is None:
            local = self._uri.startswith("sqlite:")
            place = (self._directory.resolve().parent / "mlartifacts").as_uri() if local else None
            experiment_id = self._client.create_experiment(
                self._experiment, artifact_location=place
            )
        else:
            experiment_id = experiment.experiment_id
        tags = {
            "seed": str(run["seed"]),
            "corpus": str(self._story.started.corpus.get("digest", "")),
            "directory": str(self._directory.resolve()),
        }
        created = self._client.create_run(experiment_id, run_name=self._directory.name, tags=tags)
        run_id = str(created.info.run_id)
        _log_params(self._client, run_id, run)
        text = json.dumps({"tracking_uri": self._uri, "run_id": run_id})
        temporary = self._directory / f"{_RUN_FILE}.tmp"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self._directory / _RUN_FILE)
        return run_id

    def _log(self, batch: _Batch) -> None:
        from mlflow.entities import Metric  # noqa: PLC0415 - seconds

        at_milliseconds = round(batch.finished_at * 1000)
        marked = dict(batch.points)
        if batch.generation is not None:
            marked[MARK] = float(batch.generation)
        metrics = [
            Metric(name, value, at_milliseconds, batch.tokens) for name, value in marked.items()
        ]
        for at in range(0, len(metrics), _METRICS_A_CALL):
            self._client.log_batch(self._run_id, metrics=metrics[at : at + _METRICS_A_CALL])


def open_client(uri: str) -> Any:
    """Return a client that is quiet, impatient and sends no telemetry."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - seconds, and after the environment

    for logger in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=uri)


def _log_params(client: Any, run_id: str, run: dict[str, JSON]) -> None:
    from mlflow.entities import Param  # noqa: PLC0415 - seconds

    params = []
    for name, value in flattened(run).items():
        cut = f"{value[: _LONGEST_PARAM - 40]}... (whole in run.json)"
        params.append(Param(name, value if len(value) <= _LONGEST_PARAM else cut))
    for at in range(0, len(params), _PARAMS_A_CALL):
        client.log_batch(run_id, params=params[at : at + _PARAMS_A_CALL])
    client.log_text(run_id, json.dumps(run, indent=1), "run.json")


def flattened(values: JSON, path: str = "") -> dict[str, str]:
    """Return every leaf by its dotted path.

    >>> flattened({"a": {"b": [1, {"c": None}]}})
    {'a.b.0': '1', 'a.b.1.c': 'null'}
    """
    if isinstance(values, dict | list) and values:
        pairs = values.items() if isinstance(values, dict) else enumerate(values)
        leaves: dict[str, str] = {}
        for key, value in pairs:
            leaves |= flattened(value, f"{path}.{key}" if path else str(key))
        return leaves
    return {path: values if isinstance(values, str) else json.dumps(values)}
