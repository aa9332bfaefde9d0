"""A SQLite store, written in few large transactions: beside call by call, an order of magnitude.

MLflow's client needs four to eight transactions and some thousand Python objects for the points
of one run. Here the same rows go into the same tables through MLflow's own engine and table
definitions, many runs at once; the tests hold both ways against each other, row by row.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.mlflow.stores import new
from orchestrator.record.values import marked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.record.values import Change, Known, RunRecord

_Row = tuple[str, str, float, int, int]
"""Run, metric, value, milliseconds, tokens."""
_COLUMNS = {
    "runs": {
        "run_uuid", "name", "artifact_uri", "experiment_id", "source_type", "source_name",
        "entry_point_name", "user_id", "status", "start_time", "end_time", "deleted_time",
        "source_version", "lifecycle_stage",
    },
    "tags": {"run_uuid", "key", "value"},
    "params": {"run_uuid", "key", "value"},
    "metrics": {"run_uuid", "key", "value", "timestamp", "step", "is_nan"},
    "latest_metrics": {"run_uuid", "key", "value", "timestamp", "step", "is_nan"},
}  # fmt: skip
"""What we write of each table; a table with other columns belongs to an MLflow we do not know."""
_INSERT_METRIC = (
    "INSERT OR IGNORE INTO metrics (run_uuid, key, value, timestamp, step, is_nan) "
    "VALUES (?, ?, ?, ?, ?, 0)"
)
_UPSERT_LATEST = (
    "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) "
    "VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value, "
    "timestamp = excluded.timestamp, step = excluded.step, is_nan = 0 "
    "WHERE (excluded.step, excluded.timestamp) >= (step, timestamp)"
)
_ROWS = 20_000
"""In one transaction; others wait for it, about a tenth of a second."""


def fits(client: Any) -> bool:
    """Return whether this MLflow keeps a SQLite store in the tables that we write."""
    store = getattr(getattr(client, "_tracking_client", None), "store", None)
    engine = getattr(store, "engine", None)
    if engine is None or engine.dialect.name != "sqlite":
        return False
    tables = _tables()
    return all(
        name in tables and {column.name for column in tables[name].columns} == columns
        for name, columns in _COLUMNS.items()
    )


def _tables() -> Mapping[str, Any]:
    from mlflow.store.db.base_sql_model import Base  # noqa: PLC0415 - seconds
    from mlflow.store.tracking.dbmodels import models  # noqa: PLC0415 - seconds

    assert models
    tables: Mapping[str, Any] = Base.metadata.tables
    return tables


class SqliteStore:
    """Writes into the tables of a SQLite store; for clients that `fits` says yes to."""

    def __init__(self, client: Any, experiment_id: str) -> None:
        self._engine = client._tracking_client.store.engine  # noqa: SLF001 - see `fits`
        self._experiment_id = experiment_id
        self._artifacts = client.get_experiment(experiment_id).artifact_location
        self._tables = _tables()

    def create(self, runs: Sequence[tuple[RunRecord, Mapping[str, str]]]) -> tuple[Known, ...]:
        """Make runs."""
        rows: list[dict[str, object]] = []
        tag_rows: list[dict[str, object]] = []
        made: list[Known] = []
        for run, tags in runs:
            run_id = uuid.uuid4().hex
            rows.append(self._row(run, run_id))
            named = {**tags, "mlflow.runName": run.name}
            tag_rows += [{"run_uuid": run_id, "key": k, "value": v} for k, v in named.items()]
            made.append(new(run_id, named))
        if made:
            with self._engine.begin() as connection:
                connection.execute(self._tables["runs"].insert(), rows)
                connection.execute(self._tables["tags"].insert(), tag_rows)
        return tuple(made)

    def write(self, changes: Sequence[Change]) -> None:
        """Write what is missing, many runs in one transaction."""
        for chunk in _chunks(changes):
            with self._engine.begin() as connection:
                for change in chunk:
                    self._write_head(connection, change)
                self._write_points(connection, chunk)

    def _row(self, run: RunRecord, run_id: str) -> dict[str, object]:
        return {
            "run_uuid": run_id,
            "name": run.name,
            "artifact_uri": f"{self._artifacts.rstrip('/')}/{run_id}/artifacts",
            "experiment_id": int(self._experiment_id),
            "source_type": "UNKNOWN",
            "source_name": "",
            "entry_point_name": "",
            "user_id": "unknown",
            "status": "RUNNING",
            "start_time": run.started_milliseconds,
            "end_time": None,
            "deleted_time": None,
            "source_version": "",
            "lifecycle_stage": "active",
        }

    def _write_head(self, connection: Any, change: Change) -> None:
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - comes with MLflow

        params, tags, runs = (self._tables[name] for name in ("params", "tags", "runs"))
        if change.params:
            rows = [
                {"run_uuid": change.run_id, "key": k, "value": v} for k, v in change.params.items()
            ]
            connection.execute(insert(params).on_conflict_do_nothing(), rows)
        if change.tags:
            rows = [
                {"run_uuid": change.run_id, "key": k, "value": v} for k, v in change.tags.items()
            ]
            statement = insert(tags)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["key", "run_uuid"], set_={"value": statement.excluded.value}
                ),
                rows,
            )
        if change.status is not None:
            values: dict[str, object] = {"status": change.status}
            if change.status != "RUNNING":
                values["end_time"] = change.ended_milliseconds
            connection.execute(
                runs.update().where(runs.c.run_uuid == change.run_id).values(**values)
            )

    def _write_points(self, connection: Any, changes: Sequence[Change]) -> None:
        """Write points, and keep the latest of each metric where MLflow looks for it."""
        rows: list[_Row] = []
        latest: dict[tuple[str, str], _Row] = {}
        for change in changes:
            for point in change.points:  # by tokens: a later one is the newer one
                tokens, at = point.tokens, point.at_milliseconds
                for name, value in marked(point).items():
                    row = (change.run_id, name, value, at, tokens)
                    rows.append(row)
                    latest[change.run_id, name] = row
        if rows:
            # as text: SQLAlchemy would take as long for the values as SQLite for the rows
            connection.exec_driver_sql(_INSERT_METRIC, rows)
            connection.exec_driver_sql(_UPSERT_LATEST, list(latest.values()))


def _chunks(changes: Sequence[Change]) -> Iterator[list[Change]]:
    chunk: list[Change] = []
    size = 0
    for change in changes:
        chunk.append(change)
        size += sum(len(point.metrics) + 1 for point in change.points) + len(change.params)
        if size >= _ROWS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
