"""`python -m trainers` trains one model where Ray, MLflow and Optuna cannot be imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from trainers.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "documents.jsonl"
    line = json.dumps({"text": "A short document of some words. " * 8})
    path.write_text("".join(f'{line[:-2]} {i}"}}\n' for i in range(300)))
    return path


def arguments(text, out, tokens=2048):
    return [str(text), "--out", str(out), "--tokens", str(tokens), "--context-length", "16"]


def test_trains_continues_and_reports(text, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(arguments(text, out)) == 0
    first = capsys.readouterr().out
    assert "2,048 tokens" in first
    assert "bits per byte" in first
    assert main(arguments(text, out)) == 0  # nothing left to train
    assert first.splitlines()[-2:] == capsys.readouterr().out.splitlines()[-2:]


def test_runs_without_the_orchestration_stack(text, tmp_path):
    code = (
        "import sys\n"
        "for name in ('ray', 'mlflow', 'optuna', 'nevergrad', 'pydantic', 'scipy'):\n"
        "    sys.modules[name] = None\n"
        "from trainers.__main__ import main\n"
        f"sys.exit(main({arguments(text, tmp_path / 'out', 256)!r}))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "held-out" in run.stdout


def test_two_processes_go_on_from_the_checkpoint_of_one(text, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(arguments(text, out, 256)) == 0
    assert main([*arguments(text, out, 512), "--processes", "2"]) == 0
    assert "512 tokens" in capsys.readouterr().out
    assert main([*arguments(text, out, 512), "--processes", "0"]) == 2
    assert "--processes >= 1" in capsys.readouterr().err


def test_mistakes_are_told_with_code_2(text, tmp_path, capsys):
    assert main(arguments(tmp_path / "absent.txt", tmp_path / "out")) == 2
    assert "absent.txt" in capsys.readouterr().err
    out = tmp_path / "trained"
    assert main(arguments(text, out, 256)) == 0
    other = tmp_path / "other.jsonl"
    other.write_text(text.read_text().replace("short", "long"))
    assert main(arguments(other, out, 256)) == 2
    assert "must continue on the corpus it began with" in capsys.readouterr().err
