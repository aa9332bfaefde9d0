"""Segments: the stretches of members' lives with one genome, and which grew out of which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.events import JSON, Decision, Reported, Scored
    from orchestrator.story.telling import Story


@dataclass(frozen=True, slots=True, order=True)
class SegmentKey:
    """The `number`-th segment, from 0, of a member's life."""

    member: int
    number: int

    def __str__(self) -> str:
        """Name the segment: `m003-s02`."""
        return f"m{self.member:03d}-s{self.number:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of consecutive intervals of one member with one genome and one lineage.

    Every order but `continue` begins one, also where the child keeps its donor's genome: its
    weights are others than those the member had.
    """

    key: SegmentKey
    genome: dict[str, JSON]
    digest: str
    """12 hex of the genome."""
    decision: Decision
    """How it began."""
    proposer: str | None
    donor: SegmentKey | None
    """The segment whose state it adopted; none: fresh weights."""
    first_generation: int
    last_generation: int
    """The newest order; its report may be outstanding."""
    reports: tuple[Reported, ...]
    """One an interval that has ended, by generation."""
    scores: tuple[Scored, ...]
    """One a report; none for the baseline's."""
    is_last: bool
    """Whether it is its member's last one so far."""

    @property
    def tokens_before(self) -> int:
        """Tokens that its lineage had trained when it began; 0 until its first report."""
        if not self.reports:
            return 0
        return self.reports[0].ledger.tokens - self.reports[0].interval_tokens


def segments(story: Story) -> tuple[Segment, ...]:
    """Return every segment, by member and number; the baseline is the member after the last."""
    firsts = _generations(story)
    places = {
        (member, generation): SegmentKey(member, number)
        for member, starts in firsts.items()
        for number, generations in enumerate(starts)
        for generation in generations
    }
    result: list[Segment] = []
    for member, starts in firsts.items():
        for number, generations in enumerate(starts):
            order = story.orders[member, generations[0]]
            points = [(member, generation) for generation in generations]
            result.append(
                Segment(
                    key=SegmentKey(member, number),
                    genome=order.genome,
                    digest=order.digest,
                    decision=order.decision,
                    proposer=order.proposer,
                    donor=None if order.source is None else places[order.source],
                    first_generation=generations[0],
                    last_generation=generations[-1],
                    reports=tuple(story.reports[p] for p in points if p in story.reports),
                    scores=tuple(story.scores[p] for p in points if p in story.scores),
                    is_last=number == len(starts) - 1,
                )
            )
    return tuple(result)


def _generations(story: Story) -> dict[int, list[list[int]]]:
    """Return the generations of each member, cut into segments."""
    result: dict[int, list[list[int]]] = {}
    for member, generation in sorted(story.orders):
        order = story.orders[member, generation]
        starts = result.setdefault(member, [])
        goes_on = order.decision in {"continue", "baseline"} and order.source is not None
        if goes_on and starts:
            starts[-1].append(generation)
        else:
            starts.append([generation])
    return result
