"""How the winner came to be: the tree, the winner's steps, what each proposer was worth."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.numerals import loss
from orchestrator.report.figures import takeover as takeover_figure
from orchestrator.report.figures import tree as tree_figure
from orchestrator.report.figures.takeover import Takeover
from orchestrator.report.page import Section, figure_at, folded, heading, paragraph, table
from orchestrator.report.sections.curves import LARGEST_DRAWN
from orchestrator.report.tree_reading import tree_of_the_best, whole_tree
from orchestrator.story.ancestry import founders, leader
from orchestrator.story.lineage import explained, lineage
from orchestrator.story.proposing import offspring

if TYPE_CHECKING:
    from orchestrator.report.figures.tree import Branch
    from orchestrator.report.subject import Subject
    from orchestrator.story.lineage import Step
    from orchestrator.story.telling import Point, Story

_MOST_ROWS = 64
_MOST_STEPS, _LAST_STEPS = 24, 12
_BEST_SHOWN = 12
_FOUNDERS_NAMED = 7


def section(subject: Subject) -> Section | None:
    """Return the section; None before the first fitness."""
    story = subject.story
    front = leader(story)
    if front is None:
        return None
    whose = "winner" if story.finished is not None else "leader"
    steps = lineage(story, *front)
    parts = [paragraph(_told(steps, whose)), *_trees(story, whose)]
    rows: list[tuple[object, ...]] = [
        (
            f"{step.first_generation}-{step.last_generation}",
            step.member,
            step.digest,
            loss(step.nats_per_token),
            explained(step),
        )
        for step in steps
    ]
    parts.append(_steps(rows, whose))
    parts += _proposers(story)
    return Section(anchor="lineage", heading=f"How the {whose} came to be", body="".join(parts))


def _steps(rows: list[tuple[object, ...]], whose: str) -> str:
    """Return the steps as a table; of a long lineage the last ones, and all of them on demand."""
    columns = ("generations", "member", "genome", "loss", "what happened")
    unit = "loss in nats per token at the end"
    whole = table(columns, rows, caption=f"The {whose}'s lineage, first to last ({unit})")
    if len(rows) <= _MOST_STEPS:
        return whole
    last = table(
        columns,
        rows[-_LAST_STEPS:],
        caption=f"The {whose}'s lineage, its last {_LAST_STEPS} stretches of {len(rows)} ({unit})",
    )
    return last + folded(f"All {len(rows)} stretches", whole)


def _told(steps: tuple[Step, ...], whose: str) -> str:
    exploits = sum(step.decision == "replace" for step in steps)
    morphs = sum(bool(step.morph and step.morph.get("moves")) for step in steps)
    if not exploits:
        return f"The {whose} descends from itself alone: it never adopted another member's state."
    times = "once" if exploits == 1 else f"{exploits} times"
    changed = "never" if not morphs else "once" if morphs == 1 else f"{morphs} times"
    return (
        f"The {whose}'s lineage passes through {len({s.member for s in steps})} members: its state "
        f"was adopted by another member {times}, and its architecture changed {changed} on the way."
    )


def _trees(story: Story, whose: str) -> list[str]:
    """Return the tree; of a large population that of its best, and whose descendants it is."""
    branches = whole_tree(story) if len(story.latest) <= LARGEST_DRAWN else ()
    note = "Every stretch of every member; grey lines have died out."
    parts = []
    if not branches or _rows(branches) > _MOST_ROWS:
        branches = tree_of_the_best(story, members=_BEST_SHOWN)
        note = f"The ancestors of the {_BEST_SHOWN} best members of the present population."
        shares = _takeover(story)
        parts.append(
            figure_at(
                partial(takeover_figure.draw, shares),
                description=_takeover_told(shares),
                caption="Shares of the population by founder (member of the first generation).",
            )
        )
    living = sum(bool(branch.label) for branch in branches)
    morphs = sum(branch.is_morph for branch in branches)
    parts.append(
        figure_at(
            partial(tree_figure.draw, branches, whose),
            description=(
                f"Tree of {len(branches)} stretches of life in {_rows(branches)} lines, "
                f"{living} of them alive at the end; {morphs} began with a change of architecture. "
                f"The {whose}'s path is marked; the table below tells it step by step."
            ),
            caption=f"{note} Where a line branches off, a member adopted that state.",
        )
    )
    return parts


def _rows(branches: tuple[Branch, ...]) -> int:
    return 1 + max(branch.row for branch in branches)


def _takeover(story: Story) -> Takeover:
    """Count the descendants of each founder by generation."""
    origin = founders(story)
    by_generation: dict[int, Counter[Point]] = {}
    for point in story.reports:
        if point in origin:
            by_generation.setdefault(point[1], Counter())[origin[point]] += 1
    numbers = sorted(by_generation)
    weight: dict[Point, float] = {}
    for number in numbers:
        size = by_generation[number].total()
        for founder, members in by_generation[number].items():
            late = 1 + number  # the late ones count more
            weight[founder] = weight.get(founder, 0.0) + late * members / size
    named = sorted(weight, key=lambda founder: (-weight[founder], founder))[:_FOUNDERS_NAMED]
    shares = np.array(
        [
            [by_generation[n][founder] / by_generation[n].total() for n in numbers]
            for founder in named
        ]
    )
    rest = 1.0 - shares.sum(axis=0)
    return Takeover(
        np.asarray(numbers, float),
        np.vstack([shares, np.maximum(rest, 0.0)]),
        (*(_founder_name(founder) for founder in named), "all others"),
    )


def _founder_name(founder: Point) -> str:
    member, generation = founder
    return f"member {member}" if generation == 0 else f"member {member} of generation {generation}"


def _takeover_told(shares: Takeover) -> str:
    last = shares.shares[:, -1]
    first = int(last.argmax())
    return (
        f"In the last generation {last[first]:.0%} of the members descend from "
        f"{shares.names[first]} of the first generation."
    )


def _proposers(story: Story) -> list[str]:
    accounts = offspring(story)
    if not accounts:
        return []
    rows = [
        (o.proposer, o.children, f"{o.ahead} of {o.compared}", o.lasting, o.failed)
        for o in accounts
    ]
    return [
        heading("What the proposers were worth"),
        table(
            ("proposer", "children", "ahead of their donor", "with descendants now", "failed"),
            rows,
            caption="Ahead: a lower loss after the first interval than the donor's, which trained "
            "the same interval unchanged from the same state",
        ),
    ]
