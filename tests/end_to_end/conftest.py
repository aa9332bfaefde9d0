"""Real searches in miniature: real text, real Ray, real files, seconds each."""

import os
import pydoc_data.topics
import subprocess
import sys
import textwrap

import pytest

RUN = """
name: tiny
seed: 3
output: runs
corpus: {sources: [{path: text.txt}], context_length: 32}
space:
  genes: {num_layers: {integer: [1, 2]}, d_model: {integer: [32, 48], step: 16}, head_dim: 16}
  limits: {parameters: 60_000}
population: {members: 4, interval_tokens: 2048, mode: synchronous}
budget: {tokens: 32_768}
proposers:
  - {proposer: mutation, weight: 3}
  - {proposer: optuna, weight: 1}
training: {evaluation_sequences: 4, evaluation_batches: 2, heldout_batches: 2, utility_every: 2}
resources: {workers: 2, object_store: 80MB}
mlflow: {enabled: false}
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """Where corpora are kept for the whole test session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def environment(cache):
    """Environment of the command line under test."""
    paths = [os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "MASGA_CACHE": str(cache), "PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture
def run_file(tmp_path):
    """Write a run file with changes to RUN beside its text; returns its path."""

    def write(**changes):
        text = "\n\n".join(textwrap.dedent(t) for t in pydoc_data.topics.topics.values())
        (tmp_path / "text.txt").write_text(text[:400_000], encoding="utf-8")
        import yaml

        values = yaml.safe_load(RUN)
        for key, value in changes.items():
            section = values.get(key)
            values[key] = {**section, **value} if isinstance(section, dict) else value
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump(values))
        return path

    return write


@pytest.fixture
def masga(environment, tmp_path):
    """Run `masga` to its end in a process of its own; returns the completed process."""

    def run(*arguments, timeout=240):
        return subprocess.run(
            [sys.executable, "-m", "orchestrator.cli", *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return run


@pytest.fixture
def start(environment, tmp_path):
    """Start `masga` in a session of its own and leave it running; ends it with all it started."""
    import psutil

    started = []

    def run(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cli", *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        family = []
        if process.poll() is None:
            family = psutil.Process(process.pid).children(recursive=True)
            process.kill()
        process.communicate()
        for child in family:
            if child.is_running():
                child.kill()
