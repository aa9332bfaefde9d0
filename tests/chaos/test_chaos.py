"""Whatever strikes a search on a cluster, it ends as the same search undisturbed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "chaos.py"
MIXED = (
    "bit flipped in a checkpoint",
    "kill -9 of the GCS",
    "kill -9 of a node",
    "kill -9 of the head node",
    "last line of the log torn",
)
NOTHING_LOST = "No interval, no member and no order was lost or done twice."
pytestmark = [pytest.mark.ray, pytest.mark.timeout(1800)]


@pytest.fixture
def chaos():
    """Run the program to its end: Ray and its settings stay out of this process."""
    started = []

    def run(*arguments):
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        told, _ = process.communicate()
        return process.returncode, told

    yield run
    for process in started:
        process.terminate()  # it takes its cluster along
        process.wait()


def only(kinds):
    return [word for kind in kinds for word in ("--only", kind)]


def test_a_search_survives_a_handful_of_faults(chaos):
    code, told = chaos(
        "--faults", len(MIXED), "--generations", 40, "--nodes", 2, "--no-mlflow", *only(MIXED)
    )
    assert code == 0, told
    assert NOTHING_LOST in told
    for kind in MIXED:
        assert re.search(rf"^\| {re.escape(kind)} \| 1 \| 1 \|", told, re.MULTILINE), told
    assert re.search(r"[1-9]\d* intervals end in NaN by themselves", told)  # in both alike


@pytest.mark.skipif(
    "MASGA_CHAOS" not in os.environ,
    reason="minutes each, by hand: MASGA_CHAOS=1 pytest tests/chaos -k alone",
)
@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_alone_is_survived(chaos, kind):
    store = ["--store"] if "object store" in kind else []
    code, told = chaos("--faults", 1, "--generations", 30, "--nodes", 2, *store, *only([kind]))
    if left_out := re.search(rf"^left out: {re.escape(kind)}: (.*)", told, re.MULTILINE):
        pytest.skip(left_out[1])
    assert code == 0, told
    assert NOTHING_LOST in told
