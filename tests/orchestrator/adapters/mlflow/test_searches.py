"""Searches are found by run ids and experiments, and their logs wherever they are."""

import shutil

import pytest

from orchestrator.adapters.mlflow.client import open_client
from orchestrator.adapters.mlflow.searches import fetch_logs
from orchestrator.adapters.mlflow.sync import sync
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, read_log

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def recorded(tale, store, search_in, tmp_path, monkeypatch):
    monkeypatch.setenv("MASGA_CACHE", str(tmp_path / "cache"))
    directory = search_in(tmp_path / "tale", tale)
    synced = sync(directory, tracking_uri=store, experiment="tried", register_model=None)
    return directory, synced.run_id


def test_a_search_is_found_by_its_run_by_a_segment_and_by_its_experiment(recorded, store):
    directory, run_id = recorded
    client = open_client(store)
    (segment,) = client.search_runs(["1"], "run_name = 'm001-s01'")
    for name in (run_id, segment.info.run_id, "tried"):
        (found,) = fetch_logs(name, tracking_uri=store)
        assert (found.name, found.events_path) == ("tale", directory / LOG_NAME)


def test_a_log_that_is_not_where_it_was_is_fetched(recorded, store, tale, tmp_path, monkeypatch):
    directory, run_id = recorded
    expected = (directory / LOG_NAME).read_bytes()
    shutil.rmtree(directory)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    (found,) = fetch_logs(run_id, tracking_uri=None)
    assert found.events_path.is_relative_to(tmp_path / "cache")
    assert found.events_path.read_bytes() == expected
    assert tuple(read_log(found.events_path)[0]) == tale


def test_another_search_in_the_same_directory_is_not_taken_for_it(recorded, store, tale, search_in):
    directory, run_id = recorded
    (directory / LOG_NAME).unlink()
    search_in(directory, tale[:-1])
    (directory / LOG_NAME).write_bytes(b"{}\n" + (directory / LOG_NAME).read_bytes())
    (found,) = fetch_logs(run_id, tracking_uri=store)
    assert found.events_path != directory / LOG_NAME


def test_what_is_not_there_is_told_of(recorded, store, tmp_path, monkeypatch):
    directory, run_id = recorded
    client = open_client(store)
    other = client.create_run("0").info.run_id
    client.create_experiment("empty")
    for name, law in (
        ("f" * 32, "it has none of that id"),
        (other, "recorded by masga"),
        ("nowhere", "It has: Default, empty, tried"),
        ("empty", "it holds none"),
    ):
        with pytest.raises(UserError, match=law):
            fetch_logs(name, tracking_uri=store)
    with pytest.raises(UserError, match="there is no such file"):
        fetch_logs(run_id, tracking_uri=f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(UserError, match="server answers"):
        fetch_logs(run_id, tracking_uri="http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match="none of them"):
        fetch_logs(run_id, tracking_uri=None)
    shutil.rmtree(directory)
    shutil.rmtree(tmp_path / "store" / "mlartifacts")
    with pytest.raises(UserError, match="it is in neither"):
        fetch_logs(run_id, tracking_uri=store)


def test_by_default_the_store_of_the_searches_that_ran_here_is_read(
    recorded, store, tmp_path, monkeypatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "store").rename(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    assert [found.name for found in fetch_logs("tried", tracking_uri=None)] == ["tale"]


def test_a_store_of_another_version_of_mlflow_is_told_of(recorded, store, tmp_path):
    import sqlite3

    connection = sqlite3.connect(tmp_path / "store" / "mlflow.db")
    connection.execute("update alembic_version set version_num = 'ffffffffffff'")
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match="mlflow db upgrade"):
        fetch_logs("tried", tracking_uri=f"{store}?timeout=5")
