import http.server
import threading

import pytest

from orchestrator.adapters import mlflow_record
from orchestrator.adapters.mlflow_record import MARK, MlflowRecord, open_client
from orchestrator.run_config import MlflowConfig

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One SQLite store for all tests of this file: making one takes seconds."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"
    open_client(uri).search_experiments()
    return uri


def record_of(events, config, directory, *, replayed=0, patience=60.0):
    directory.mkdir(exist_ok=True)
    record = MlflowRecord(config, directory=directory, patience_seconds=patience)
    for number, event in enumerate(events):
        record.on_event(event, number, number < replayed)
    record.close()
    return record


@pytest.fixture
def config(store, request):
    return MlflowConfig(tracking_uri=store, experiment=request.node.name)


def only_run(client, experiment):
    found = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([found.experiment_id])
    return run


def test_a_search_is_one_run_with_its_curves_over_tokens(tale, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = record_of(tale, config, tmp_path / "tale")
    assert record.lost is None
    client = open_client(config.tracking_uri)
    run = only_run(client, config.experiment)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "tale"
    assert run.data.params["population.members"] == "2"
    assert run.data.params["proposers.0.proposer"] == "mutation"
    assert run.data.tags["winner"] == "cccccccccccc"
    assert run.data.tags["corpus"] == "d1d1d1d1d1d1"
    curve = client.get_metric_history(run.info.run_id, "best_loss")
    assert [(p.step, p.value) for p in curve] == [(2000, 3.0), (4000, 2.4), (6000, 2.1)]
    assert run.data.metrics["heldout/winner_bits_per_byte"] == pytest.approx(4.2)
    artifacts = {a.path for a in client.list_artifacts(run.info.run_id)}
    assert artifacts == {"run.json", "summary.txt"}


def test_a_resumed_search_goes_on_in_its_run_without_doubled_points(tale, config, tmp_path):
    directory = tmp_path / "tale"
    record_of(tale[:8], config, directory)
    client = open_client(config.tracking_uri)
    assert only_run(client, config.experiment).info.status == "KILLED"
    record_of(tale, config, directory, replayed=8)
    record_of(tale, config, directory, replayed=len(tale))
    run = only_run(client, config.experiment)
    assert run.info.status == "FINISHED"
    for name in (MARK, "best_loss", "member_000/loss"):
        assert len(client.get_metric_history(run.info.run_id, name)) == 3
    assert len(client.get_metric_history(run.info.run_id, "heldout/winner_bits_per_byte")) == 1


def test_an_mlflow_that_is_down_loses_points_and_says_so_once(tale, tmp_path):
    config = MlflowConfig(tracking_uri="http://127.0.0.1:9", experiment="none")
    record = record_of(tale, config, tmp_path / "tale")
    assert "generation 0, generation 1, generation 2, the summary" in record.lost
    assert "The event log has everything" in record.lost


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


def test_points_that_did_not_get_through_are_written_later(tale, config, tmp_path, monkeypatch):
    attempts = []
    opened = mlflow_record.open_client

    def fails_at_first(uri):
        attempts.append(uri)
        if len(attempts) == 1:
            raise ConnectionError("not yet")
        return opened(uri)

    monkeypatch.setattr(mlflow_record, "open_client", fails_at_first)
    record = MlflowRecord(config, directory=tmp_path, patience_seconds=60)
    for number, event in enumerate(tale):
        record.on_event(event, number, False)
    record.close()
    assert record.lost is None
    run = only_run(opened(config.tracking_uri), config.experiment)
    assert len(opened(config.tracking_uri).get_metric_history(run.info.run_id, "best_loss")) == 3


def test_by_default_the_store_is_a_file_beside_the_searches(tmp_path):
    record = MlflowRecord(MlflowConfig(), directory=tmp_path / "runs" / "demo")
    assert record.tracking_uri == f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
    assert record.command == f"mlflow ui --backend-store-uri {record.tracking_uri}"


def test_long_values_are_cut_and_told_to_be():
    class Client:
        def log_batch(self, run_id, params):
            self.params = params

        def log_text(self, run_id, text, name):
            self.text = text

    client = Client()
    mlflow_record._log_params(client, "id", {"space": {"genes": "x" * 10_000}})
    (param,) = client.params
    assert len(param.value) <= 6000
    assert param.value.endswith("(whole in run.json)")
    assert "x" * 10_000 in client.text


def test_no_telemetry_leaves_the_machine(monkeypatch):
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    open_client("sqlite://")
    from mlflow.telemetry.utils import is_telemetry_disabled

    assert is_telemetry_disabled()
