"""SQLite stores and a real tracking server for the record; what both hold, in comparable form."""

import contextlib
import dataclasses
import shutil
import sqlite3

import pytest

from orchestrator.adapters.mlflow.client import open_client, sqlite_path
from orchestrator.event_log import LOG_NAME, EventLog


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A SQLite store without experiments: making one takes seconds, copying it none."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    open_client(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(empty_store, tmp_path):
    (tmp_path / "store").mkdir()
    shutil.copy(empty_store, tmp_path / "store" / "mlflow.db")
    return f"sqlite:///{tmp_path / 'store' / 'mlflow.db'}"


@pytest.fixture
def tale(tale):
    """The tale with the time that it began at, as searches tell it."""
    began = {**tale[0].environment, "began_at": 1.75e9 - 60}
    return (dataclasses.replace(tale[0], environment=began), *tale[1:])


@pytest.fixture
def search_in():
    """Write the events of a search into its directory."""

    def write(directory, events):
        directory.mkdir(parents=True, exist_ok=True)
        with EventLog(directory / LOG_NAME) as log:
            log.append(events[len(log.events) :])
        return directory

    return write


@pytest.fixture(scope="module")
def server(tracking_server, empty_store, tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "mlflow.db"
    return tracking_server(f"sqlite:///{shutil.copy(empty_store, path)}")


NAMES_OF_RUNS = {"mlflow.parentRunId", "donor_run_id", "child_run_ids"}


@pytest.fixture
def held():
    """What the store of a database file holds of an experiment: every row, runs by their names."""

    def read(database, experiment):
        path = sqlite_path(database) if isinstance(database, str) else database
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row

            def rows(query, *values):
                return [dict(row) for row in connection.execute(query, values)]

            (found,) = rows("select experiment_id from experiments where name = ?", experiment)
            runs = rows("select * from runs where experiment_id = ?", found["experiment_id"])
            names = {run["run_uuid"]: run["name"] for run in runs}
            assert len(set(names.values())) == len(runs), "a run is there twice"
            result = {}
            for run in runs:
                run_id = run.pop("run_uuid")
                assert run.pop("artifact_uri").endswith(f"{run_id}/artifacts")
                tags = {
                    row["key"]: row["value"]
                    for row in rows("select key, value from tags where run_uuid = ?", run_id)
                }
                for name in NAMES_OF_RUNS & tags.keys():
                    tags[name] = [names[word] for word in tags[name].split()]
                result[run["name"]] = {
                    "run": run,
                    "tags": tags,
                    **{
                        table: sorted(
                            tuple(sorted((k, v) for k, v in row.items() if k != "run_uuid"))
                            for row in rows(f"select * from {table} where run_uuid = ?", run_id)
                        )
                        for table in ("params", "metrics", "latest_metrics")
                    },
                }
            return result

    return read
