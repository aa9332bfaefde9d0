"""The ledger of one search: what it spent, and what its winner cost and inherited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.story.telling import is_baseline

if TYPE_CHECKING:
    from orchestrator.events import Ledger, Reported
    from orchestrator.story.telling import Point, Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Tokens, FLOPs and seconds; the baseline's stand apart, they are not of the budget."""

    tokens: int
    """Trained by the population."""
    flops: float
    seconds: float
    """Of training and evaluation, summed over the workers."""
    adoption_seconds: float
    """Of obtaining, rebuilding and morphing states, summed over the workers."""
    cpu_seconds: float
    """Processor time of all threads."""
    inherited_share: float | None
    """Share of the tokens in the lineages of the members at the end that donors trained; None:
    none of them has trained a token."""
    winner: Ledger | None
    """What the winner cost along its lineage, inherited parts included; None: all failed."""
    baseline_tokens: int
    baseline_flops: float


def spending(story: Story, *, winner: Point | None) -> Spending:
    """Add up the ledger of a search.

    Args:
        story: Of the search.
        winner: The state whose lineage is told.
    """
    population: list[Reported] = []
    baseline: list[Reported] = []
    for point, report in story.reports.items():
        (baseline if is_baseline(story, point) else population).append(report)
    last = [story.reports[point].ledger for point in story.judged.values()]
    along = sum(ledger.tokens for ledger in last)
    return Spending(
        tokens=story.tokens,
        flops=story.flops,
        seconds=sum(r.seconds for r in population),
        adoption_seconds=sum(r.adoption_seconds for r in population),
        cpu_seconds=sum(r.cpu_seconds for r in population),
        inherited_share=sum(x.inherited_tokens for x in last) / along if along else None,
        winner=None if winner is None else story.reports[winner].ledger,
        baseline_tokens=sum(r.interval_tokens for r in baseline),
        baseline_flops=sum(r.interval_flops for r in baseline),
    )
