"""SQLite stores and a real tracking server for the record; what both hold, in comparable form."""

import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request

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


class Server:
    """`mlflow server` on loopback; can be killed and started again on the same store."""

    def __init__(self, place, empty_store):
        self.place = place
        shutil.copy(empty_store, place / "mlflow.db")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port),
            "--workers", "1", "--backend-store-uri", f"sqlite:///{self.place / 'mlflow.db'}",
            "--artifacts-destination", str(self.place / "artifacts"),
        ]  # fmt: skip
        settings = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        with (self.place / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **settings},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + 240
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
                return
            assert self.process.poll() is None, (self.place / "server.log").read_text()
            time.sleep(0.2)
        raise TimeoutError((self.place / "server.log").read_text())

    def kill(self):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def server(tmp_path_factory, empty_store):
    running = Server(tmp_path_factory.mktemp("server"), empty_store)
    running.start()
    yield running
    running.kill()


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
