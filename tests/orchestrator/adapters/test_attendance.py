"""The driver sees what is amiss, says so once, and tells the mailbox which nodes live."""

import types

import pytest
import ray

from orchestrator.adapters import attendance as module
from orchestrator.adapters.attendance import LONELY_SECONDS, Attendance
from orchestrator.adapters.mailbox import MailboxStatus
from orchestrator.adapters.nodes import Nodes
from orchestrator.run_config import ResourcesConfig


@pytest.fixture
def watch(monkeypatch):
    """Make an attendance in a world that the test sets: status, nodes, clock."""
    world = types.SimpleNamespace(
        status=MailboxStatus(birth="first", progress=(), workers=1, silent=frozenset()),
        nodes=Nodes(living=frozenset({"a", "b"}), draining=frozenset(), room={"CPU": 2.0}),
        now=0.0, attended=[], met=[], told=[],
    )  # fmt: skip
    monkeypatch.setattr(ray, "get", lambda value, timeout=None: value)
    monkeypatch.setattr(module, "read_nodes", lambda: world.nodes)
    monkeypatch.setattr(module.time, "monotonic", lambda: world.now)
    mailbox = types.SimpleNamespace(
        status=types.SimpleNamespace(remote=lambda: world.status),
        attend=types.SimpleNamespace(remote=lambda *nodes: world.attended.append(nodes)),
    )

    def make(**resources):
        made = Attendance(
            mailbox=mailbox,
            course=types.SimpleNamespace(meet=world.met.append),
            audience=types.SimpleNamespace(on_progress=world.told.append),
            resources=ResourcesConfig(**resources),
        )
        return made, world

    return make


def later(world, seconds, **status):
    world.now += seconds
    values = {"birth": "first", "progress": (), "workers": 1, "silent": frozenset(), **status}
    world.status = MailboxStatus(**values)


def test_silence_is_told_once_each_time(watch, caplog):
    made, world = watch(stall_seconds=30.0)
    for silent in ({}, {3}, {3}, {}, {3}):
        later(world, 1.0, silent=frozenset(silent))
        made.look()
    assert caplog.text.count("Nothing was heard of worker 3 for 30 seconds") == 2


def test_a_new_mailbox_learns_of_the_nodes_at_once(watch):
    made, world = watch()
    made.look()
    later(world, 0.1)
    made.look()
    assert len(world.attended) == 1
    later(world, 0.1, birth="second")
    made.look()
    assert world.met == ["first", "first", "second"]
    assert world.attended == [(frozenset({"a", "b"}), frozenset())] * 2


def test_a_node_that_goes_is_told_once(watch, caplog):
    made, world = watch()
    world.nodes = Nodes(living=frozenset({"a"}), draining=frozenset({"a"}), room={})
    for _ in range(3):
        later(world, 5.0)
        made.look()
    assert caplog.text.count("Node a is about to be taken away") == 1
    assert world.attended == [(frozenset({"a"}), frozenset({"a"}))] * 3


@pytest.mark.parametrize("address", [None, "10.0.0.5:6379"])
def test_waiting_for_room_on_a_cluster_is_told(watch, caplog, address):
    made, world = watch(address=address, gpus_per_worker=1.0)
    for _ in range(5):
        later(world, LONELY_SECONDS, workers=0)
        made.look()
    told = caplog.text.count("waiting for a node with room for one (1 CPUs and 1 GPUs)")
    assert told == (0 if address is None else 1)
    assert "2 CPUs and 0 GPUs" in caplog.text or address is None
