"""`masga laws` on the runs of a real MLflow store."""

import argparse
import json
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from orchestrator.laws.commands import add_commands, run
from orchestrator.laws.forms.chinchilla import LAW

SCRIPT = """
import sys, warnings
warnings.simplefilter("ignore")
import mlflow
client = mlflow.MlflowClient(tracking_uri=sys.argv[1])
experiment = client.create_experiment("ladder")
import numpy as np
from orchestrator.laws.forms.chinchilla import LAW
theta = np.array([p.example for p in LAW.parameters])
rng = np.random.default_rng(0)
for size in np.geomspace(1e8, 4e9, 3):
    for tokens in np.geomspace(2e9, 2e11, 4):
        made = client.create_run(experiment).info.run_id
        loss = LAW.predict(theta, (np.array([size]), np.array([tokens])))[0]
        client.log_param(made, "parameters", size)
        client.log_metric(made, "tokens", tokens)
        client.log_metric(made, "loss", float(loss * np.exp(0.001 * rng.standard_normal())))
from orchestrator.adapters.mlflow_runs import read_experiment
import json
json.dump(list(read_experiment("ladder", client=client)), open(sys.argv[2], "w"))
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Twelve runs logged to a folder and read back, in a process of its own (MLflow's warnings)."""
    folder = tmp_path_factory.mktemp("mlflow")
    out = folder / "records.json"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, (folder / "store").as_uri(), str(out)],
        capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true"},  # SQLite migrates for half a minute
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text())


def test_a_law_is_fitted_to_an_experiment(records, capsys):
    parser = argparse.ArgumentParser()
    add_commands(parser)
    words = [
        "predict", "mlflow:ladder", "--law", "chinchilla", "--bootstrap", "100", "--json",
        "--columns", "N=parameters,D=tokens,L=loss", "--at", "N=1e9,D=2e10",
    ]  # fmt: skip
    read = partial(dict.__getitem__, {"ladder": records})
    assert run(parser.parse_args(words), read_experiment=read) == 0
    (found,) = json.loads(capsys.readouterr().out)
    theta = np.array([p.example for p in LAW.parameters])
    truth = LAW.predict(theta, (np.array([1e9]), np.array([2e10])))[0]
    assert found["L"] == pytest.approx(truth, rel=0.003)
    assert found["interval"][0] < truth < found["interval"][1]
