"""A real search in a store, killed in bad weather and gone on with elsewhere, is the same search."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import SearchFinished, encode
from orchestrator.storage.restoring import restore
from orchestrator.storage.segments import segments_of
from orchestrator.storage.store import Store

pytestmark = pytest.mark.timeout(900)

RUN = """
name: tiny
seed: 3
space:
  genes: {num_layers: 1, d_model: {integer: [32, 48], step: 16}, d_ff: 32, head_dim: 16}
population: {members: 3, interval_tokens: 2048}
budget: {tokens: 24576}
training: {device: cpu, evaluation_sequences: 4, evaluation_batches: 2, heldout_batches: 2}
mlflow: {enabled: false}
"""


@pytest.fixture
def run_file(tmp_path):
    random = np.random.default_rng(0)
    words = ["grey", "ships", "pass", "the", "old", "light", "before", "dawn", "and", "after"]
    documents = [" ".join(random.choice(words, 30)) + "." for _ in range(300)]
    text = tmp_path / "words.jsonl"
    text.write_text("".join(json.dumps({"text": document}) + "\n" for document in documents))

    def write(output):
        values = {**yaml.safe_load(RUN), "output": str(output)}
        values["corpus"] = {"context_length": 32, "sources": [{"path": str(text)}]}
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump(values))
        return path

    yield write
    text.unlink(missing_ok=True)


@pytest.fixture
def searching(tmp_path):
    """Start the program on a machine of a name: each has a cache of its own."""
    started = []

    def start(argument, machine):
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("searching.py")), str(argument)],
            env={
                **os.environ,
                "MASGA_CACHE": str(tmp_path / machine),
                "PYTHONPATH": str(Path.cwd()),
            },
            stdin=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def stored(uri, path):
    restore(Store.open(uri, where="test") / "events", path)
    return read_log(path)[0]


def lasting(events):
    """Return what two runs of one search share: all but clocks and places."""
    return [encode(event)[:2] for event in events]


def wait_for_events(process, uri, count):
    folder = Store.open(uri, where="test") / "events"
    while max((s.stop for s in segments_of(folder.entries())), default=0) < count:
        assert process.poll() is None
        time.sleep(0.05)  # bounded by the test's own timeout


def test_a_search_killed_in_bad_weather_goes_on_elsewhere(
    run_file, searching, weather, s3_port, tmp_path
):
    assert searching(run_file(tmp_path / "plain"), "home").wait() == 0
    expected = read_log(tmp_path / "plain" / "tiny" / LOG_NAME)[0]
    assert isinstance(expected[-1], SearchFinished)
    server, uri = weather
    here, behind = uri("runs/tiny").replace(str(server.port), str(s3_port)), uri("runs")
    process = searching(run_file(behind), "first")
    wait_for_events(process, here, 6)
    server.is_bad = True
    time.sleep(10)
    assert process.poll() is None
    assert server.refused > 0
    server.is_bad = False
    wait_for_events(process, here, 12)
    process.kill()
    process.wait()
    before = stored(here, tmp_path / "before.jsonl")
    (tmp_path / "words.jsonl").unlink()  # the other machine has no text but the search's own
    assert searching(here, "second").wait() == 0
    after = stored(here, tmp_path / "after.jsonl")
    assert after[: len(before)] == before
    assert lasting(after) == lasting(expected)
