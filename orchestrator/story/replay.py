"""A lineage as a schedule: what trains its last state again, without the population."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from orchestrator.schedule import Stretch
from orchestrator.story.lineage import lineage
from orchestrator.tasks import task_seed
from search_spaces.genome import genome_from_json

if TYPE_CHECKING:
    from orchestrator.story.lineage import Step
    from orchestrator.story.telling import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A stretch of a lineage's schedule, and what the search told of it."""

    stretch: Stretch
    steps: tuple[Step, ...]
    """The first began it; the others copied a state and kept its genome, which changes nothing."""


def passages(story: Story, member: int, generation: int) -> tuple[Passage, ...]:
    """Return the passages that led to a state, the first one first.

    Replayed by the run's own seed, interval and horizon they give the lineage's losses again: the
    data and the dropout masks are keyed by the tokens trained, and the seeds are the tasks' own.
    """
    result: list[Passage] = []
    for step in lineage(story, member, generation):
        genome = genome_from_json(story.orders[step.member, step.first_generation].genome)
        intervals = step.last_generation - step.first_generation + 1
        if result and result[-1].stretch.genome == genome:
            last = result[-1]
            longer = replace(last.stretch, intervals=last.stretch.intervals + intervals)
            result[-1] = Passage(stretch=longer, steps=(*last.steps, step))
        else:
            stretch = Stretch(intervals=intervals, genome=genome, seed=_seed(story, step))
            result.append(Passage(stretch=stretch, steps=(step,)))
    return tuple(result)


def _seed(story: Story, step: Step) -> int:
    """Return the seed of a step's first task; that of a replay is in its run file."""
    assert story.started is not None
    run = story.started.run
    written = run.get("schedule")
    if written is None or step.decision == "baseline":
        return task_seed(run["seed"], story.orders[step.member, step.first_generation])
    ends = accumulate(stretch["intervals"] for stretch in written["stretches"])
    index = next(at for at, end in enumerate(ends) if step.first_generation < end)
    seed: int = written["stretches"][index]["seed"]
    return seed
