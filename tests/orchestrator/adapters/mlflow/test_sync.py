"""A store is brought from whatever it holds to what the log tells, through every way of writing."""

import dataclasses
import shutil
import sqlite3

import pytest

from orchestrator.adapters.mlflow import sqlite_store
from orchestrator.adapters.mlflow.client import open_client
from orchestrator.adapters.mlflow.ending import EVENTS_TAG
from orchestrator.adapters.mlflow.recorder import Recorder
from orchestrator.adapters.mlflow.stores import ClientStore, known_runs
from orchestrator.adapters.mlflow.sync import sync
from orchestrator.cli import main
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.record.identity import search_id
from orchestrator.record.search import search_record
from orchestrator.record.values import PARENT
from orchestrator.story.telling import told

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def recorded(directory, uri, **changes):
    chosen = {"experiment": "tried", "register_model": None, **changes}
    return sync(directory, tracking_uri=uri, **chosen)


def without_places(held):
    for run in held.values():
        run["tags"].pop("directory", None)
        run["run"].pop("experiment_id")
    return held


def test_runs_nest_and_name_each_other_in_both_directions(tale, store, search_in, tmp_path, held):
    synced = recorded(search_in(tmp_path / "tale", tale), store)
    runs = held(store, "tried")
    assert set(runs) == {"tale", "m000-s00", "m001-s00", "m001-s01", "m002-s00 baseline"}
    for name, run in runs.items():
        assert run["tags"].get("mlflow.parentRunId") == (None if name == "tale" else ["tale"])
    assert runs["m001-s01"]["tags"]["donor_run_id"] == ["m000-s00"]
    assert runs["m000-s00"]["tags"]["child_run_ids"] == ["m001-s01"]
    client = open_client(store)
    curve = client.get_metric_history(synced.run_id, "best_loss")
    assert [(p.step, p.value) for p in curve] == [(2000, 3.0), (4000, 2.4), (6000, 2.1)]
    child = client.search_runs(["1"], "run_name = 'm001-s01'")[0]
    curve = client.get_metric_history(child.info.run_id, "loss")
    assert [(p.step, p.value) for p in curve] == [(2000, 2.4), (3000, 2.1)]
    files = {a.path for a in client.list_artifacts(synced.run_id)}
    assert {"events.jsonl", "population.parquet", "lineage.svg", "run.yaml"} <= files


def test_both_ways_of_writing_leave_the_same_rows(
    tale, store, empty_store, search_in, tmp_path, held, monkeypatch
):
    directory = tmp_path / "tale"
    (tmp_path / "other").mkdir()
    other = f"sqlite:///{shutil.copy(empty_store, tmp_path / 'other' / 'mlflow.db')}"
    used = set()
    for uri, columns in ((store, sqlite_store._COLUMNS), (other, {"runs": {"unknown"}})):
        monkeypatch.setattr(sqlite_store, "_COLUMNS", columns)
        for length in (12, len(tale)):
            recorder = Recorder(uri, "tried", search_in(directory, tale))
            recorder.bring(record_of(directory, tale[:length]))
            used.add(type(recorder._store))
    assert used == {ClientStore, sqlite_store.SqliteStore}
    assert held(store, "tried") == held(other, "tried")


def record_of(directory, events):
    return search_record(
        told(tuple(events)), search=search_id(directory / LOG_NAME), name=directory.name,
        directory=str(directory), is_running=False,
    )  # fmt: skip


def test_a_second_sync_changes_nothing(tale, store, search_in, tmp_path, held):
    directory = search_in(tmp_path / "tale", tale)
    recorded(directory, store)
    before = held(store, "tried")
    synced = recorded(directory, store)
    assert (synced.new_runs, synced.new_points) == (0, 0)
    assert held(store, "tried") == before


def test_a_sync_of_a_part_is_completed_to_the_same_as_a_sync_of_the_whole(
    tale, store, search_in, tmp_path, held
):
    directory = search_in(tmp_path / "tale", tale)
    for length in (1, 6, 11, 20, len(tale)):
        Recorder(store, "parts", directory).bring(record_of(directory, tale[:length]))
    Recorder(store, "whole", directory).bring(record_of(directory, tale))
    assert without_places(held(store, "parts")) == without_places(held(store, "whole"))


def test_a_record_whose_server_was_killed_is_completed_without_doubled_points(
    tale, server, store, search_in, tmp_path, held, monkeypatch
):
    directory = search_in(tmp_path / "tale", tale)
    recorded(directory, store)
    written = []
    write = ClientStore.write

    def killed_in_the_middle(self, changes):
        for change in changes:
            if len(written) == 2:
                server.kill()
            write(self, [change])
            written.append(change)

    with monkeypatch.context() as patch:
        patch.setattr(ClientStore, "write", killed_in_the_middle)
        with pytest.raises(UserError, match="an MLflow tracking server answers"):
            recorded(directory, server.uri)
    assert len(written) == 2
    server.start()
    assert recorded(directory, server.uri).new_points > 0
    assert recorded(directory, server.uri).new_points == 0
    assert without_places(held(server.store, "tried")) == without_places(held(store, "tried"))
    (parent,) = open_client(server.uri).search_runs(["1"], "tags.`masga.segment` = 'search'")
    copied = open_client(server.uri).download_artifacts(
        parent.info.run_id, "events.jsonl", str(tmp_path)
    )
    assert search_id(directory / LOG_NAME) == search_id(tmp_path / "events.jsonl")
    assert copied.endswith("events.jsonl")


def test_two_writers_that_take_turns_double_nothing(tale, store, search_in, tmp_path, held):
    directory = search_in(tmp_path / "tale", tale)
    first, second = (Recorder(store, "tried", directory) for _ in range(2))
    for length in (5, 10, 15, len(tale)):
        for recorder in (first, second):
            with recorder.turn():
                recorder.bring(record_of(directory, tale[:length]))
    with first.turn():
        assert first.bring(record_of(directory, tale)).new_points == 0
    histories = [row for run in held(store, "tried").values() for row in run["metrics"]]
    assert len(histories) == sum(
        len(point.metrics) + (point.generation is not None)
        for record in [record_of(directory, tale)]
        for run in (record.parent, *record.segments)
        for point in run.points
    )


def test_a_writer_that_does_not_end_its_turn_is_told_of(tale, store, search_in, tmp_path):
    directory = search_in(tmp_path / "tale", tale)
    waiting = Recorder(store, "tried", directory, patience_seconds=0.0)
    holder = Recorder(store, "tried", directory)
    with (
        holder.turn(),
        pytest.raises(UserError, match="one process at a time"),
        waiting.turn(),
    ):
        pass


def test_a_run_that_was_made_twice_is_left_once(tale, store, search_in, tmp_path):
    directory = search_in(tmp_path / "tale", tale)
    first, second = (Recorder(store, "tried", directory) for _ in range(2))
    first.bring(record_of(directory, tale))
    client = open_client(store)
    parent = client.get_run(first.parent_run_id)
    doubled = client.create_run(parent.info.experiment_id, tags=dict(parent.data.tags))
    second.bring(record_of(directory, tale))
    assert second.parent_run_id == first.parent_run_id
    assert client.get_run(doubled.info.run_id).info.lifecycle_stage == "deleted"


def test_a_parent_that_was_deleted_is_made_again_above_the_segments(
    tale, store, search_in, tmp_path, held
):
    directory = search_in(tmp_path / "tale", tale)
    first, second = (Recorder(store, "tried", directory) for _ in range(2))
    first.bring(record_of(directory, tale))
    open_client(store).delete_run(first.parent_run_id)
    assert second.bring(record_of(directory, tale)).new_runs == 1
    assert second.parent_run_id != first.parent_run_id
    known = known_runs(open_client(store), "1", search_id(directory / LOG_NAME))
    parents = {run.tags.get("mlflow.parentRunId") for key, run in known.items() if key != PARENT}
    assert parents == {second.parent_run_id}


def test_searches_of_the_same_run_file_are_two(tale, store, search_in, tmp_path):
    for at, name in enumerate(("one", "two")):
        began = dataclasses.replace(tale[0], environment={"began_at": 1.75e9 + at})
        events = (began, *tale[1:])
        directory = search_in(tmp_path / name, events)
        Recorder(store, "tried", directory).bring(record_of(directory, events))
    parents = open_client(store).search_runs(["1"], "tags.`masga.segment` = 'search'")
    assert {run.info.run_name for run in parents} == {"one", "two"}


def test_the_corpus_is_an_input_and_the_winner_a_model_once(tale, store, search_in, tmp_path):
    corpus = {
        "digest": "d1d1", "sources": [{"name": "wiki"}], "documents": {"train": 9}, "tokens": {"train": 90},
    }  # fmt: skip
    events = (dataclasses.replace(tale[0], corpus=corpus), *tale[1:])
    directory = search_in(tmp_path / "tale", events)
    with pytest.raises(UserError, match=r"g00002-m00001.*it is gone"):
        recorded(directory, store, register_model="small")
    checkpoint = directory / "checkpoints" / "g00002-m00001"
    checkpoint.mkdir(parents=True)
    (checkpoint / "state.json").write_text("{}")
    for _ in range(2):
        synced = recorded(directory, store, register_model="small")
    client = open_client(store)
    (version,) = client.search_model_versions("name='small'")
    assert version.run_id == synced.run_id
    assert version.tags["genome"] == "cccccccccccc"
    assert {a.path for a in client.list_artifacts(synced.run_id, "winner")} == {"winner/state.json"}
    (given,) = client.get_run(synced.run_id).inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("wiki/train", "d1d1")
    assert [(tag.key, tag.value) for tag in given.tags] == [("mlflow.data.context", "training")]


def test_a_store_of_another_version_of_mlflow_is_told_of_and_left(tale, store, search_in, tmp_path):
    directory = search_in(tmp_path / "tale", tale)
    path = tmp_path / "store" / "mlflow.db"
    with sqlite3.connect(path) as connection:
        connection.execute("update alembic_version set version_num = 'ffffffffffff'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(UserError, match="mlflow db upgrade"):
        recorded(directory, f"sqlite:///{path}?timeout=5")
    assert path.read_bytes() == before


def test_stores_that_cannot_be_used_are_told_of(tale, store, search_in, tmp_path):
    directory = search_in(tmp_path / "tale", tale)
    with pytest.raises(UserError, match="lies in a directory, but got none"):
        recorded(directory, f"sqlite:///{tmp_path}/none/mlflow.db")
    with pytest.raises(UserError, match="server answers, but got connection refused"):
        recorded(directory, "http://127.0.0.1:9")
    client = open_client(store)
    client.delete_experiment(client.create_experiment("gone"))
    with pytest.raises(UserError, match=r"it was deleted\. Restore it"):
        recorded(directory, store, experiment="gone")


def test_the_command_says_what_it_did(tale, store, search_in, tmp_path, capsys):
    from orchestrator.run_config import BudgetConfig, RunConfig

    run = RunConfig(budget=BudgetConfig(tokens=300_000))
    started = dataclasses.replace(
        tale[0], run=run.deciding(), environment={"run": run.beside(), "began_at": 1.75e9}
    )
    directory = tmp_path / "tale"
    search_in(directory, (started, *tale[1:8]))
    command = ["sync", str(directory), "--tracking-uri", store, "--experiment", "told"]
    with EventLog(directory / LOG_NAME):
        assert main(command) == 0
    assert "is still running: 1 of 3 generations so far" in capsys.readouterr().out
    search_in(directory, (started, *tale[1:]))
    assert main(command) == 0
    assert "has finished after 3 generations" in capsys.readouterr().out
    assert main(command) == 0
    assert "nothing was missing" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "events.jsonl").touch()
    assert main(["sync", str(tmp_path / "empty")]) == 2
    assert main(["sync", str(tmp_path / "none")]) == 2


def test_files_are_written_again_only_when_the_log_went_on(tale, store, search_in, tmp_path):
    directory = search_in(tmp_path / "tale", tale[:12])
    run_id = recorded(directory, store).run_id
    client = open_client(store)
    assert client.get_run(run_id).data.tags[EVENTS_TAG] == "12"
    (logged,) = (tmp_path / "store" / "mlartifacts").glob("*/artifacts/events.jsonl")
    logged.unlink()
    recorded(directory, store)
    assert not logged.exists()
    recorded(search_in(directory, tale), store)
    assert logged.read_bytes() == (directory / LOG_NAME).read_bytes()


def test_of_a_damaged_log_what_is_whole_is_recorded_and_the_line_told(
    tale, store, search_in, tmp_path
):
    directory = search_in(tmp_path / "tale", tale)
    log = directory / LOG_NAME
    lines = log.read_bytes().splitlines(keepends=True)
    lines[15] = lines[15].replace(b'"member":', b'"membre":')  # after the second generation
    log.write_bytes(b"".join(lines))
    synced = recorded(directory, store)
    assert "line 16" in synced.damage
    assert synced.generations == 2
    whole = recorded(search_in(tmp_path / "whole", tale[:15]), store, experiment="whole")
    assert (synced.segments, synced.new_points) == (whole.segments, whole.new_points)
    assert recorded(directory, store).new_points == 0
    lines[0] = lines[0].replace(b'"seed":', b'"deed":')
    log.write_bytes(b"".join(lines))
    with pytest.raises(UserError, match=r"its start is lost .*line 1"):
        recorded(directory, store)
