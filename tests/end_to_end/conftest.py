"""Real searches in miniature: real text, real Ray, real files, seconds each."""

import contextlib
import fcntl
import functools
import os
import pydoc_data.topics
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import psutil
import pytest
import yaml

from orchestrator import cli

RUN = """
name: tiny
seed: 3
output: runs
corpus: {context_length: 32}
space:
  genes: {num_layers: {integer: [1, 2]}, d_model: {integer: [32, 48], step: 16}, head_dim: 16}
  limits: {parameters: 60_000}
population: {members: 4, interval_tokens: 2048, mode: synchronous}
budget: {tokens: 32_768}
proposers:
  - {proposer: mutation, weight: 3}
  - {proposer: optuna, weight: 1}
training: {evaluation_sequences: 4, evaluation_batches: 2, heldout_batches: 2, utility_every: 2}
resources: {workers: 1, object_store: 80MB}
mlflow: {enabled: false}
"""


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A directory that all processes of this test run have in common."""
    own = tmp_path_factory.getbasetemp()
    place = (own.parent if "PYTEST_XDIST_TESTRUNUID" in os.environ else own) / "shared"
    place.mkdir(exist_ok=True)
    return place


@contextlib.contextmanager
def making(place):
    """Give whether something of a name is still to be made: the first process makes it."""
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = place.with_suffix(".made")
        yield not made.exists()
        made.touch()  # unless making it failed


@pytest.fixture(scope="session")
def cache(shared):
    """Where corpora are kept for the whole test session."""
    return shared / "cache"


@pytest.fixture(scope="session")
def environment(cache):
    """Environment of the command line under test; what it leaves in /tmp goes with the tests."""
    scratch = Path(tempfile.mkdtemp(prefix="mt-"))  # short: Ray's sockets live in it
    paths = [str(Path.cwd()), *filter(None, [os.environ.get("PYTHONPATH")])]
    yield {
        **os.environ,
        "MASGA_CACHE": str(cache),
        "PYTHONPATH": os.pathsep.join(paths),
        "TMPDIR": str(scratch),
    }
    shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture(scope="session")
def text(shared):
    """A file of real prose: Python's own help topics."""
    path = shared / "topics.txt"
    with making(path) as is_first:
        if is_first:
            topics = "\n\n".join(textwrap.dedent(t) for t in pydoc_data.topics.topics.values())
            path.write_text(topics[:400_000], encoding="utf-8")
    return path


def write_run(text, directory, **changes):
    """Write RUN with changes into a directory; return the run file's path."""
    values = yaml.safe_load(RUN)
    values["corpus"]["sources"] = [{"path": str(text)}]
    for key, value in changes.items():
        section = values.get(key)
        values[key] = {**section, **value} if isinstance(section, dict) else value
    path = directory / "run.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


MASGA = ("-m", "orchestrator.cli")
"""What Python is told to run."""


def call_masga(directory, environment, *arguments, timeout=600, command=MASGA):
    """Run `masga` to its end in a process of its own; return the completed process."""
    return subprocess.run(
        [sys.executable, *command, *map(str, arguments)],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture
def run_file(text, tmp_path):
    """Write a run file with changes to RUN; returns its path."""
    return functools.partial(write_run, text, tmp_path)


@pytest.fixture
def masga(environment, tmp_path):
    """Run `masga` to its end in the test's own directory."""

    def call(*arguments, environment=environment, **options):
        return call_masga(tmp_path, environment, *arguments, **options)

    return call


@pytest.fixture
def masga_here(environment, tmp_path, monkeypatch, capfd):
    """Run `masga` as `masga` does, but in this process: commands that start nothing, quickly."""

    def call(*arguments, environment=environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        capfd.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def undisturbed(environment, text, shared):
    """The directory of a search of RUN by which nothing untoward was done; tests only read it."""
    directory = shared / "undisturbed"
    with making(directory) as is_first:
        if is_first:
            directory.mkdir()
            result = call_masga(directory, environment, "search", write_run(text, directory))
            assert result.returncode == 0, result.stdout + result.stderr
    return directory / "runs" / "tiny"


@pytest.fixture
def start(environment, tmp_path):
    """Start `masga` in a session of its own and leave it running; ends it with all it started."""
    started = []
    usual = environment

    def run(*arguments, environment=usual, command=MASGA):
        process = subprocess.Popen(
            [sys.executable, *command, *map(str, arguments)],
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
