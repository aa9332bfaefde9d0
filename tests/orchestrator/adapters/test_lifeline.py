"""A driver that is cut off from its cluster learns of it, says so, and ends whatever it waits for."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from orchestrator.adapters import lifeline as module
from orchestrator.adapters.lifeline import EXIT_CODE, Lifeline, Ties

AGAIN = "masga resume runs/it"


class Places:
    """A raylet and a GCS as far as they are looked at: sockets that listen."""

    def __init__(self, directory):
        self.path = str(directory / "raylet")
        self.raylet = socket.socket(socket.AF_UNIX)
        self.raylet.bind(self.path)
        self.raylet.listen()
        self.gcs = socket.create_server(("127.0.0.1", 0))
        self.gcs_address = self.gcs.getsockname()
        self.held = []
        self.known_dead = threading.Event()

    def ties(self, patience_seconds=60.0):
        return Ties(
            raylet=self.path,
            gcs=self.gcs_address,
            patience_seconds=patience_seconds,
            is_dead=self.known_dead.is_set,
        )

    def end_raylet(self):
        self.held.append(self.raylet.accept()[0])
        self.close()

    def close(self):
        for each in (self.raylet, self.gcs, *self.held):
            each.close()


@pytest.fixture
def places(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    directory = Path(tempfile.mkdtemp(prefix="ml-", dir="/tmp"))  # a socket's path is short
    made = Places(directory)
    yield made
    made.close()
    shutil.rmtree(directory)


@pytest.fixture
def lifeline():
    made = Lifeline()
    yield made
    made.leave()


def learn(lifeline, ties, strike):
    """Return what the driver is told of after a blow."""
    told, errors = threading.Event(), []

    def cut_off(error):
        errors.append(error)
        told.set()

    with lifeline.watched(ties, cut_off=cut_off, again=AGAIN):
        strike()
        assert told.wait(60)
    (error,) = errors
    assert AGAIN in error.remedy
    return error.found


def test_the_end_of_the_raylet_is_told(lifeline, places):
    assert learn(lifeline, places.ties(), places.end_raylet) == "the node's raylet has ended"


def test_a_raylet_that_has_ended_before_is_told(lifeline, places):
    places.raylet.close()
    assert "does not answer" in learn(lifeline, places.ties(), lambda: None)


def test_a_node_that_the_cluster_takes_for_dead_is_told(lifeline, places):
    assert "given the node up" in learn(lifeline, places.ties(), places.known_dead.set)


def test_a_gcs_that_stays_away_is_told(lifeline, places):
    found = learn(lifeline, places.ties(patience_seconds=0.1), places.gcs.close)
    assert found.endswith("has not answered for 0.1 seconds")


def test_a_gcs_that_comes_back_in_time_is_not_told(lifeline, places, monkeypatch):
    knocks, answered = [False] * 20, threading.Event()

    def answers(address):
        assert address == places.gcs_address
        if knocks:
            return knocks.pop()
        answered.set()
        return True

    monkeypatch.setattr(module, "_answers", answers)
    with lifeline.watched(places.ties(), cut_off=pytest.fail, again=AGAIN):
        assert answered.wait(60)


def test_the_watch_ends_with_its_body(lifeline, places):
    with lifeline.watched(places.ties(), cut_off=pytest.fail, again=AGAIN):
        (watch,) = (each for each in threading.enumerate() if each.name == "lifeline")
    assert not watch.is_alive()
    with contextlib.suppress(BlockingIOError):  # it held one connection, which has ended
        places.raylet.setblocking(False)
        places.held.append(places.raylet.accept()[0])
    assert [each.recv(1) for each in places.held] == [b""]


PROGRAM = """
import socket, sys, threading
from orchestrator.adapters import lifeline as module

module.END_SECONDS = 0.1
lifeline = module.Lifeline()
nowhere = module.Ties(raylet="/nowhere", gcs=("127.0.0.1", 1), patience_seconds=1, is_dead=bool)
told = threading.Event()
with lifeline.watched(nowhere, cut_off=lambda error: told.set(), again="masga resume it"):
    told.wait()
if sys.argv[1] == "leaves":
    lifeline.leave()
    threading.Event().wait(1)
else:
    threading.Event().wait()
"""


@pytest.mark.parametrize(("what", "code"), [("leaves", 0), ("hangs", EXIT_CODE)])
def test_a_process_that_was_cut_off_and_hangs_is_ended(what, code):
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, what],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        check=False,
        timeout=300,
    )
    assert ended.returncode == code, ended.stderr
    assert ("masga resume it" in ended.stderr) is (what == "hangs")
    assert "Traceback" not in ended.stderr
