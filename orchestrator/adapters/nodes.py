"""The nodes of the cluster: which live, which are about to be taken away, which is this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """The nodes as the cluster tells of them now, by their ids."""

    living: frozenset[str]
    draining: frozenset[str]
    """Living ones that a spot market, an autoscaler or an administrator is about to take away."""
    room: dict[str, float]
    """Resources of the living nodes, free or not."""


def read_nodes() -> Nodes:
    """Ask the cluster for its nodes."""
    import ray  # noqa: PLC0415 - slow
    from ray._private.state import state  # noqa: PLC0415 - Ray's own libraries ask it, too

    alive = [node for node in ray.nodes() if node["Alive"]]
    living = frozenset(str(node["NodeID"]) for node in alive)
    room: dict[str, float] = {}
    for node in alive:
        for name, amount in node["Resources"].items():
            room[name] = room.get(name, 0.0) + amount
    return Nodes(living=living, draining=frozenset(state.get_draining_nodes()) & living, room=room)


def this_node() -> str:
    """Return the id of the node on which this process runs."""
    import ray  # noqa: PLC0415

    return str(ray.get_runtime_context().get_node_id())
