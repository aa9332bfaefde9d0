"""What a certification costs, from its plan and the pace of the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.numerals import count, duration
from search_spaces.gpt.cost import flops_per_token

if TYPE_CHECKING:
    from orchestrator.certification.plan import Plan
    from orchestrator.story.telling import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """An estimate; evaluation is in the pace, not in the FLOPs."""

    trainings: int
    tokens: int
    flops: float
    worker_seconds: float | None
    """Of all workers together; none: the search has no times to go by."""


def estimate(plan: Plan, story: Story) -> Cost:
    """Estimate the cost of training every arm and replicate."""
    flops = plan.replicates * sum(
        part.tokens
        * flops_per_token(
            part.genome.architecture, sequence_length=part.genome.architecture.context_length
        )
        for arm in plan.arms
        for part in arm.parts
    )
    whole = [r for r in story.reports.values() if r.failure is None]
    spent = sum(r.interval_flops for r in whole)
    seconds = sum(r.seconds + r.adoption_seconds for r in whole)
    return Cost(
        trainings=plan.members,
        tokens=plan.members * plan.tokens,
        flops=flops,
        worker_seconds=flops * seconds / spent if spent > 0 and seconds > 0 else None,
    )


def told_cost(cost: Cost, plan: Plan, *, workers: int | None) -> str:
    """Say the estimate in a line.

    Args:
        cost: The estimate.
        plan: What is trained.
        workers: As many at once, if it is known.
    """
    line = (
        f"{len(plan.arms)} arms x {plan.replicates} seeds = {cost.trainings} trainings of "
        f"{count(plan.tokens)} tokens: {count(cost.tokens)} tokens, {count(cost.flops)} FLOPs"
    )
    if cost.worker_seconds is None:
        return line
    if workers is None or workers == 1:
        return f"{line}; about {duration(cost.worker_seconds)} of one worker at the search's pace"
    return (
        f"{line}; about {duration(cost.worker_seconds / workers)} with {workers} workers at the "
        "search's pace"
    )
