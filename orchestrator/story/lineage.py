"""How a member came to be: its ancestors, and what changed from each to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.numerals import gene

if TYPE_CHECKING:
    from orchestrator.events import JSON, Decision
    from orchestrator.story.telling import Point, Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stretch of intervals with one genome in one member."""

    member: int
    first_generation: int
    last_generation: int
    digest: str
    decision: Decision
    """How the stretch began."""
    donor: int | None
    proposer: str | None
    genes: tuple[tuple[str, JSON, JSON], ...]
    """(name, before, after) of the genes that differ from the ancestor's."""
    morph: dict[str, JSON] | None
    nats_per_token: float | None
    """At the end of the stretch."""


def lineage(story: Story, member: int, generation: int) -> tuple[Step, ...]:
    """Return the stretches that led to a state, the first one first."""
    steps: list[Step] = []
    last: Point = member, generation
    point: Point | None = last
    while point is not None and point in story.orders:
        order = story.orders[point]
        if order.decision == "continue" and order.source in story.orders:
            point = order.source
            continue
        ancestor = story.orders.get(order.source) if order.source is not None else None
        first, end = story.reports.get(point), story.reports.get(last)
        steps.append(
            Step(
                member=order.member,
                first_generation=order.generation,
                last_generation=last[1],
                digest=order.digest,
                decision=order.decision,
                donor=order.donor,
                proposer=order.proposer,
                genes=() if ancestor is None else changed_genes(ancestor.genome, order.genome),
                morph=None if first is None else first.morph,
                nats_per_token=None if end is None else end.nats_per_token,
            )
        )
        last, point = order.source or last, order.source
    return tuple(reversed(steps))


def changed_genes(
    before: dict[str, JSON], after: dict[str, JSON]
) -> tuple[tuple[str, JSON, JSON], ...]:
    """Return (name, before, after) of every gene that differs; both halves are read."""
    old, new = _flat(before), _flat(after)
    names = [*new, *(name for name in old if name not in new)]
    return tuple((n, old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n))


def explained(step: Step) -> str:
    """Say what began the stretch, in one line."""
    match step.decision:
        case "replace" if step.donor == step.member:
            begun = f"went on, genome by {step.proposer}"
        case "replace":
            begun = f"adopted member {step.donor}, genome by {step.proposer}"
        case "restart":
            begun = f"restarted, genome by {step.proposer}"
        case "start":
            begun = f"started, genome by {step.proposer}" if step.proposer else "started"
        case _:
            begun = step.decision
    parts = [begun]
    if step.genes:
        parts.append(", ".join(f"{n} {gene(old)} → {gene(new)}" for n, old, new in step.genes))
    elif step.decision == "replace":
        parts.append("no gene changed")
    if step.morph and step.morph.get("moves"):
        parts.append(f"morphed by {', '.join(map(str, step.morph['moves']))}{_probe(step.morph)}")
    return "; ".join(parts)


def _probe(morph: dict[str, JSON]) -> str:
    change = morph["probe_loss_change"]
    return f" (probe loss {change:+.4f})"


def _flat(genome: dict[str, JSON]) -> dict[str, JSON]:
    return {name: value for half in genome.values() for name, value in half.items()}
