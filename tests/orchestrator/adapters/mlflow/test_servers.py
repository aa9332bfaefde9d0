"""Real tracking servers, with SQLite and with PostgreSQL, that ask for credentials."""

import base64
import dataclasses
import json
import logging
import shutil
import urllib.request

import pytest

from orchestrator.adapters.mlflow.client import open_client
from orchestrator.adapters.mlflow.observer import MlflowRecord
from orchestrator.adapters.mlflow.stores import found_runs
from orchestrator.adapters.mlflow.sync import sync
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.run_config import MlflowConfig

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, tracking_server, empty_store, tmp_path_factory):
    if request.param == "postgresql":
        store = request.getfixturevalue("postgres")
    else:
        place = tmp_path_factory.mktemp("served")
        store = f"sqlite:///{shutil.copy(empty_store, place / 'mlflow.db')}"
    return tracking_server(store, asks=True)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Other tests share the cores with the server."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")


@pytest.fixture
def let_in(server, monkeypatch):
    for name, value in server.credentials.items():
        monkeypatch.setenv(name, value)
    return server


def told(uri, experiment):
    """What a store tells of an experiment's runs through MLflow's client, runs by their names."""
    client = open_client(uri)
    runs = found_runs(client, [client.get_experiment_by_name(experiment).experiment_id], "")
    names = {run.info.run_id: run.info.run_name for run in runs}
    assert len(set(names.values())) == len(runs), "a run is there twice"

    def named(key, value):
        kept = key in {"mlflow.parentRunId", "donor_run_id", "child_run_ids"}
        return [names[word] for word in value.split()] if kept else value

    return {
        run.info.run_name: {
            "status": run.info.status,
            "times": (run.info.start_time, run.info.end_time),
            "params": run.data.params,
            "tags": {k: named(k, v) for k, v in run.data.tags.items() if k != "mlflow.user"},
            "metrics": run.data.metrics,
            "curves": {
                name: sorted(
                    (point.step, point.timestamp, point.value)
                    for point in client.get_metric_history(run.info.run_id, name)
                )
                for name in ("loss", "best_loss", "generation")
            },
            "files": sorted(
                artifact.path
                for folder in ("", "figures")
                for artifact in client.list_artifacts(run.info.run_id, folder)
            ),
        }
        for run in runs
    }


def test_a_server_holds_what_a_file_holds(tale, let_in, store, search_in, tmp_path):
    directory = search_in(tmp_path / "tale", tale)
    for uri in (let_in.uri, store):
        sync(directory, tracking_uri=uri, experiment="told", register_model=None)
    held = told(let_in.uri, "told")
    assert held == told(store, "told")
    assert len(held) == 5
    assert "events.jsonl" in held["tale"]["files"]
    again = sync(directory, tracking_uri=let_in.uri, experiment="told", register_model=None)
    assert (again.new_runs, again.new_points) == (0, 0)


@pytest.fixture
def let_in_by(server, monkeypatch, tmp_path):
    """Set credentials as a user would: in the environment, or in MLflow's own file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)

    def use(way, password=None):
        user, right = server.credentials.values()
        if way == "environment":
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password or right)
        else:
            (tmp_path / ".mlflow").mkdir(exist_ok=True)
            (tmp_path / ".mlflow" / "credentials").write_text(
                f"[mlflow]\nmlflow_tracking_username = {user}\n"
                f"mlflow_tracking_password = {password or right}\n"
            )

    return use


def watched(events, uri, directory, *, experiment):
    """Let a record watch the events; return what it missed."""
    record = MlflowRecord(
        MlflowConfig(tracking_uri=uri, experiment=experiment),
        directory=directory,
        patience_seconds=120,
    )
    record.knock()
    with EventLog(directory / LOG_NAME) as log:
        log.append(events[len(log.events) :])
        for number, event in enumerate(events):
            record.on_event(event, number, replayed=False)
    record.close()
    return record.lost


def test_who_is_not_let_in_is_warned_once_and_completes_it_later(
    tale, server, let_in_by, search_in, tmp_path, caplog
):
    directory = tmp_path / "tale"
    directory.mkdir()
    caplog.set_level(logging.WARNING, logger="masga")
    lost = watched(tale, server.uri, directory, experiment="late")
    assert "it asks for credentials and none are set" in lost
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "masga"]
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in warning
    assert f"'masga sync {directory}'" in warning

    let_in_by("environment", password="a-wrong-one-0815")
    with pytest.raises(UserError, match="does not accept what") as refused:
        sync(directory, tracking_uri=server.uri, experiment="late", register_model=None)
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD say" in str(refused.value)
    assert "0815" not in f"{refused.value} {lost} {caplog.text}"

    let_in_by("environment")
    assert sync(directory, tracking_uri=server.uri, experiment="late", register_model=None).new_runs
    again = sync(directory, tracking_uri=server.uri, experiment="late", register_model=None)
    assert (again.new_runs, again.new_points) == (0, 0)


def test_credentials_come_from_mlflows_own_file_too(tale, server, let_in_by, tmp_path):
    directory = tmp_path / "tale"
    directory.mkdir()
    let_in_by("file")
    assert watched(tale, server.uri, directory, experiment="by file") is None


def test_a_user_who_may_only_read_is_told_whom_to_ask(
    tale, server, let_in_by, search_in, tmp_path, monkeypatch
):
    directory = search_in(tmp_path / "tale", tale)
    let_in_by("environment")
    sync(directory, tracking_uri=server.uri, experiment="others", register_model=None)
    name, password = "reader", "reads-and-reads-12"
    known = ":".join(server.credentials.values()).encode()
    urllib.request.urlopen(
        urllib.request.Request(
            f"{server.uri}/api/2.0/mlflow/users/create",
            json.dumps({"username": name, "password": password}).encode(),
            {
                "Authorization": f"Basic {base64.b64encode(known).decode()}",
                "Content-Type": "application/json",
            },
        )
    ).close()
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    began = {**tale[0].environment, "began_at": 1.76e9}
    other = search_in(
        tmp_path / "other", (dataclasses.replace(tale[0], environment=began), *tale[1:])
    )
    with pytest.raises(UserError, match="for the permission EDIT"):
        sync(other, tracking_uri=server.uri, experiment="others", register_model=None)


def test_a_server_that_dies_in_the_middle_gets_the_rest_when_it_is_back(
    tale, server, let_in, store, tmp_path, monkeypatch, caplog
):
    directory = tmp_path / "tale"
    directory.mkdir()
    caplog.set_level(logging.WARNING, logger="masga")
    assert watched(tale[:8], let_in.uri, directory, experiment="died") is None
    server.kill()
    try:
        lost = watched(tale, let_in.uri, directory, experiment="died")
    finally:
        server.start()
    assert "is missing" in lost
    warnings = [record for record in caplog.records if record.name == "masga"]
    assert len(warnings) == 1
    for uri in (let_in.uri, store):
        sync(directory, tracking_uri=uri, experiment="died", register_model=None)
    assert told(let_in.uri, "died") == told(store, "died")
