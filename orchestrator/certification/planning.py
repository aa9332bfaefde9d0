"""From a search to the plan of its certification: which arms, how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.certification.plan import REFERENCE, Arm, Part, Plan
from orchestrator.story.replay import passages
from orchestrator.verdict import default_of_size
from search_spaces.genome import genome_from_json
from search_spaces.gpt.cost import count_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.rules import Rules
    from orchestrator.story.telling import Point, Story
    from search_spaces.genome import Genome

TOLD = {
    "winner": "the winner's genome",
    "schedule": "the winner's replayed schedule",
    "default": "the default genome of the winner's size",
    "first": "the best genome of the first generation",
}
"""The arms by name, as sentences call them."""


def plan_certification(
    story: Story, point: Point, *, rules: Rules, replicates: int, tokens: int | None = None
) -> tuple[Plan, tuple[str, ...]]:
    """Plan to train the winner and what it is compared with from scratch.

    Where fewer tokens are asked for than the winner trained, everything is shortened alike: the
    schedule's stretches, and the horizon that learning rates and batches are functions of.

    Args:
        story: Of the search.
        point: The winner, (member, generation).
        rules: Of the search.
        replicates: Trainings of each arm.
        tokens: That each arm trains; none: the winner's. Rounded to whole sequences.

    Returns:
        The plan, and notes on arms that were left out.
    """
    led = passages(story, *point)
    genome = led[-1].stretch.genome
    context = genome.architecture.context_length
    whole = story.reports[point].ledger.tokens
    asked = max(context, round((tokens or whole) / context) * context)
    horizon = max(1, round(rules.horizon_tokens * asked / whole))
    default = default_of_size(
        rules.space, count_parameters(genome.architecture), horizon_tokens=horizon
    )
    bounds, done = [], 0
    for passage in led:
        done += passage.stretch.intervals * rules.interval_tokens
        bounds.append(round(done * asked / whole / context) * context)
    arms = [
        Arm(name="default", parts=(Part(tokens=asked, genome=default),)),
        Arm(name="winner", parts=(Part(tokens=asked, genome=genome),)),
        Arm(name="schedule", parts=_parts([p.stretch.genome for p in led], bounds)),
    ]
    notes: list[str] = []
    first = best_of_first_generation(story)
    if first is None:
        notes.append(f"{_capital(TOLD['first'])} is left out: all its members failed.")
    else:
        arms.append(Arm(name="first", parts=(Part(tokens=asked, genome=first),)))
    kept: dict[tuple[Part, ...], Arm] = {}
    for arm in arms:
        twin = kept.setdefault(arm.parts, arm)
        if twin is not arm:
            notes.append(f"{_capital(TOLD[arm.name])} is left out: it is {TOLD[twin.name]}.")
    order = tuple(TOLD)
    plan = Plan(
        arms=tuple(sorted(kept.values(), key=lambda arm: order.index(arm.name))),
        seed=rules.seed,
        replicates=replicates,
        tokens=asked,
        winner_tokens=whole,
        interval_tokens=rules.interval_tokens,
        horizon_tokens=horizon,
    )
    assert any(arm.name == REFERENCE for arm in plan.arms)
    return plan, tuple(notes)


def best_of_first_generation(story: Story) -> Genome | None:
    """Return the genome that was fittest after the first interval; none: all failed."""
    scores = [s for (_, generation), s in story.scores.items() if generation == 0]
    living = [(s.fitness, -s.member) for s in scores if s.fitness is not None]
    if not living:
        return None
    return genome_from_json(story.orders[-max(living)[1], 0].genome)


def _parts(genomes: Sequence[Genome], bounds: Sequence[int]) -> tuple[Part, ...]:
    """Give each genome the tokens up to its bound; those that come to nothing are left out."""
    starts = (0, *bounds[:-1])
    return tuple(
        Part(tokens=end - start, genome=genome)
        for genome, start, end in zip(genomes, starts, bounds, strict=True)
        if end > start
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
