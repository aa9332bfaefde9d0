"""What became of the children of each proposer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.events import Ordered
    from orchestrator.story.telling import Point, Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Offspring:
    """The children that one proposer made out of donors."""

    proposer: str
    children: int
    """Replacements whose first interval has ended."""
    failed: int
    compared: int
    """Children whose donor went on unchanged through the same interval."""
    ahead: int
    """Those of `compared` that had the lower loss after it."""
    lasting: int
    """Children with a descendant (or themselves) in the population as it is now."""


def offspring(story: Story) -> tuple[Offspring, ...]:
    """Return the proposers, the one with most children first; `None` proposes a copy."""
    lasting = living_lineages(story)
    held: dict[str, list[Ordered]] = {}
    for point, order in story.orders.items():
        if order.decision == "replace" and point in story.reports:
            held.setdefault(order.proposer or "copy", []).append(order)
    result = [_account(story, name, orders, lasting) for name, orders in held.items()]
    return tuple(sorted(result, key=lambda o: (-o.children, o.proposer)))


def living_lineages(story: Story) -> frozenset[Point]:
    """Return every state that a member of the present population descends from, or is."""
    seen: set[Point] = set()
    for last in story.latest.values():
        at: Point | None = last
        while at is not None and at not in seen and at in story.orders:
            seen.add(at)
            at = story.orders[at].source
    return frozenset(seen)


def _account(
    story: Story, name: str, orders: list[Ordered], lasting: frozenset[Point]
) -> Offspring:
    failed = compared = ahead = stayed = 0
    for order in orders:
        child = story.reports[order.member, order.generation]
        failed += child.failure is not None
        stayed += (order.member, order.generation) in lasting
        rival = _donors_next(story, order)
        if rival is not None and child.nats_per_token is not None:
            compared += 1
            ahead += child.nats_per_token < rival
    return Offspring(
        proposer=name,
        children=len(orders),
        failed=failed,
        compared=compared,
        ahead=ahead,
        lasting=stayed,
    )


def _donors_next(story: Story, order: Ordered) -> float | None:
    """Return the donor's loss after the interval that it trained from the same state."""
    if order.source is None:
        return None
    member, generation = order.source
    following = story.orders.get((member, generation + 1))
    report = story.reports.get((member, generation + 1))
    if following is None or report is None or following.decision != "continue":
        return None
    return report.nats_per_token
