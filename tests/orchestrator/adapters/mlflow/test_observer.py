import dataclasses
import http.server
import queue
import threading
from types import SimpleNamespace

import pytest

from orchestrator.adapters.mlflow import client, observer, recorder
from orchestrator.adapters.mlflow.client import open_client
from orchestrator.adapters.mlflow.observer import MlflowRecord
from orchestrator.adapters.mlflow.sync import sync
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.run_config import MlflowConfig

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def record_of(events, config, directory, *, patience=60.0):
    """Let an observer watch the events, each of them in the log before it is told."""
    directory.mkdir(exist_ok=True)
    record = MlflowRecord(config, directory=directory, patience_seconds=patience)
    with EventLog(directory / LOG_NAME) as log:
        known = len(log.events)
        log.append(events[known:])
        for number, event in enumerate(events):
            record.on_event(event, number, number < known)
    record.close()
    return record


@pytest.fixture
def config(store, request):
    return MlflowConfig(tracking_uri=store, experiment=request.node.name)


def test_a_watched_search_is_recorded_as_if_it_were_synced_later(
    tale, store, tmp_path, held, search_in
):
    config = MlflowConfig(tracking_uri=store, experiment="watched")
    assert record_of(tale, config, tmp_path / "tale").lost is None
    sync(tmp_path / "tale", tracking_uri=store, experiment="synced", register_model=None)
    watched, synced = held(store, "watched"), held(store, "synced")
    for runs in (watched, synced):
        for run in runs.values():
            run["run"].pop("experiment_id")
    assert watched == synced


def test_a_resumed_search_goes_on_in_its_run_without_doubled_points(tale, config, tmp_path, held):
    directory = tmp_path / "tale"
    record_of(tale[:8], config, directory)
    assert held(config.tracking_uri, config.experiment)["tale"]["run"]["status"] == "KILLED"
    for _ in range(2):
        assert record_of(tale, config, directory).lost is None
    runs = held(config.tracking_uri, config.experiment)
    assert runs["tale"]["run"]["status"] == "FINISHED"
    losses = [row for row in runs["m000-s00"]["metrics"] if ("key", "loss") in row]
    assert len(losses) == 3


def test_an_mlflow_that_is_down_loses_nothing_for_good_and_says_so_once(tale, tmp_path, store):
    config = MlflowConfig(tracking_uri="http://127.0.0.1:9", experiment="none")
    record = record_of(tale, config, tmp_path / "tale")
    assert "generation 0, generation 1, generation 2, the files of its end" in record.lost
    assert f"'masga sync {tmp_path / 'tale'}' brings it there" in record.lost
    synced = sync(tmp_path / "tale", tracking_uri=store, experiment="x", register_model=None)
    assert synced.new_points > 0


def test_a_slow_mlflow_does_not_hold_the_search(tale, tmp_path):
    answer = threading.Event()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer.wait(20)
            self.send_error(500)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        uri = f"http://127.0.0.1:{server.server_port}"
        config = MlflowConfig(tracking_uri=uri, experiment="none")
        record = record_of(tale, config, tmp_path / "tale", patience=0.2)
        assert "it did not finish within 0.2 s" in record.lost
    finally:
        answer.set()
        record._thread.join(30)
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_record_rests_by_what_it_computed_not_by_how_long_a_store_took(
    tale, config, tmp_path, monkeypatch
):
    clock = SimpleNamespace(wall=0.0, processor=0.0)
    clocks = {"monotonic": lambda: clock.wall, "thread_time": lambda: clock.processor}
    monkeypatch.setattr(observer, "time", SimpleNamespace(**clocks))
    bring = observer._Scribe.bring

    def slowly(scribe, **how):
        clock.wall += 8.0
        clock.processor += 0.25
        return bring(scribe, **how)

    monkeypatch.setattr(observer._Scribe, "bring", slowly)
    rests = queue.SimpleQueue()
    record = MlflowRecord(config, directory=tmp_path, patience_seconds=60.0)
    record._closing = SimpleNamespace(wait=rests.put, set=lambda: None)
    with EventLog(tmp_path / LOG_NAME) as log:
        log.append(tale)
        for number, event in enumerate(tale):
            record.on_event(event, number, False)
        assert rests.get(timeout=60.0) == 8.0  # not nineteen times that
    record.close()
    assert record.lost is None


def test_points_that_did_not_get_through_are_written_later(tale, config, tmp_path, monkeypatch):
    attempts = []

    def fails_at_first(uri):
        attempts.append(uri)
        if len(attempts) == 1:
            raise ConnectionError("not yet")
        return open_client(uri)

    monkeypatch.setattr(recorder, "open_client", fails_at_first)
    record = record_of(tale, config, tmp_path / "tale")
    assert len(attempts) == 2
    assert record.lost is None


def test_a_failure_of_our_own_is_told_and_does_not_reach_the_search(tale, config, tmp_path):
    strange = dataclasses.replace(tale[0], run={"no": "seed"})
    record = record_of((strange, *tale[1:]), config, tmp_path / "tale")
    assert "KeyError: 'seed'" in record.lost


def test_a_search_that_has_not_begun_leaves_no_trace(tmp_path):
    record = MlflowRecord(MlflowConfig(), directory=tmp_path)
    record.close()
    assert record.lost is None
    assert list(tmp_path.iterdir()) == []


def test_by_default_the_store_is_a_file_beside_the_searches(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    record = MlflowRecord(MlflowConfig(), directory=tmp_path / "runs" / "demo")
    assert record.tracking_uri == f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
    assert record.command == f"mlflow ui --backend-store-uri {record.tracking_uri}"


def test_a_store_that_no_run_file_names_is_the_environments(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://ada:hunter22@db/mlflow")
    record = MlflowRecord(MlflowConfig(), directory=tmp_path / "runs" / "demo")
    assert record.tracking_uri == "postgresql://ada:hunter22@db/mlflow"
    assert record.command == "mlflow ui --backend-store-uri 'postgresql://***@db/mlflow'"
    named = MlflowRecord(MlflowConfig(tracking_uri="http://other"), directory=tmp_path)
    assert named.tracking_uri == "http://other"


def test_a_server_that_is_down_is_told_of_before_the_search_begins(tmp_path, caplog):
    record = MlflowRecord(MlflowConfig(tracking_uri="http://127.0.0.1:9"), directory=tmp_path)
    record.knock()
    record.knock()
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "masga"]
    assert "an MLflow tracking server answers, but got connection refused" in warning
    assert f"'masga sync {tmp_path}' brings it up to date" in warning
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_does_not_hold_the_search(monkeypatch):
    answer = threading.Event()
    monkeypatch.setattr(client, "open_client", lambda _: answer.wait(60))
    told = client.knock("http://127.0.0.1:9", patience_seconds=0.1)
    answer.set()
    assert told == "http://127.0.0.1:9: MLflow has not answered within 0.1 s."


def test_no_telemetry_leaves_the_machine(monkeypatch, store):
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    open_client(store)
    from mlflow.telemetry.utils import is_telemetry_disabled

    assert is_telemetry_disabled()
