"""Runs of an MLflow experiment become records, over all pages."""

from types import SimpleNamespace

import pytest

from orchestrator.adapters.mlflow_runs import read_experiment
from orchestrator.errors import UserError


class Page(list):
    token = None


class Client:
    """Two pages of runs, as `mlflow.MlflowClient` gives them."""

    def __init__(self, runs):
        self.runs = runs

    def get_experiment_by_name(self, name):
        return SimpleNamespace(experiment_id="7") if name == "search" else None

    def search_runs(self, experiment_ids, *, max_results, page_token):
        assert experiment_ids == ["7"]
        assert max_results > 0
        half = len(self.runs) // 2
        page = Page(self.runs[half:] if page_token else self.runs[:half])
        page.token = None if page_token else "more"
        return page


def run(name, tags=None, **values):
    params = {k: v for k, v in values.items() if isinstance(v, str)}
    metrics = {k: v for k, v in values.items() if not isinstance(v, str)}
    return SimpleNamespace(
        info=SimpleNamespace(run_name=name),
        data=SimpleNamespace(params=params, metrics=metrics, tags=tags or {}),
    )


def test_records_hold_parameters_and_metrics():
    runs = [run(f"r{i}", N=str(10**i), loss=3.0 - i / 10) for i in range(4)]
    records = read_experiment("search", client=Client(runs))
    assert [r["run"] for r in records] == ["r0", "r1", "r2", "r3"]
    assert records[2] == {"run": "r2", "N": "100", "loss": 2.8}


def test_the_run_above_a_search_s_segments_is_no_training_run():
    runs = [
        run("demo", {"masga.segment": "search"}),
        run("m000-s00", {"masga.segment": "m000-s00"}),
    ]
    assert [r["run"] for r in read_experiment("search", client=Client(runs))] == ["m000-s00"]


def test_absent_and_empty_experiments():
    with pytest.raises(UserError, match="must exist"):
        read_experiment("other", client=Client([]))
    with pytest.raises(UserError, match="must have runs"):
        read_experiment("search", client=Client([]))
