"""What the search cost: tokens, FLOPs, seconds, what was inherited, where the time went."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.numerals import count, duration
from orchestrator.report.figures.wall_time import TimeSpent, draw
from orchestrator.report.page import Section, figure_at, paragraph, table
from orchestrator.report.readings import baseline, leading_path
from orchestrator.story.telling import is_baseline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.events import Reported
    from orchestrator.report.subject import Subject
    from orchestrator.story.telling import Story

_MOST_WORKERS = 16
_ORIGINS = {
    "fresh": "new weights",
    "live": "the worker's own memory",
    "store": "Ray's object store",
    "checkpoint": "a checkpoint",
    "remade": "trained again: the checkpoint was damaged",
}


def section(subject: Subject) -> Section | None:
    """Return the section; None before the first report."""
    story = subject.story
    if not story.reports:
        return None
    population = [r for p, r in story.reports.items() if not is_baseline(story, p)]
    whose = "winner" if story.finished is not None else "leader"
    rows = [_row("population", population)]
    path = leading_path(story)
    if path:
        rows.append(_row(f"{whose}'s lineage", path))
    if default := baseline(story):
        rows.append(_row("default genome", default))
    inherited = path[-1].ledger.inherited_tokens if path else 0
    span, times = time_spent(story)
    training = sum(t.training for t in times)
    whole = sum(t.training + t.adopting + t.rest for t in times)
    share = training / whole if whole else 0.0
    pace = sum(r.interval_tokens for r in story.reports.values()) / span if span else 0.0
    told = (
        f"{len(times)} workers spent {share:.1%} of {duration(span)} on training and evaluation, "
        f"{sum(t.adopting for t in times) / whole if whole else 0.0:.1%} on adopting states; "
        f"{pace:,.0f} tokens a second all in all."
    )
    shown = times if len(times) <= _MOST_WORKERS else (_together(times),)
    parts = [
        table(
            ("", "tokens", "FLOPs", "training", "adopting", "processor time"),
            rows,
            caption="Training includes evaluation; times are those of all workers together",
        ),
        paragraph(
            f"Of the {whose}'s {count(path[-1].ledger.tokens)} tokens "
            f"{count(inherited)} were trained by donors before their state was adopted."
            if path
            else "No member has a loss yet."
        ),
        figure_at(
            partial(draw, shown),
            description=f"Wall time by worker: {told}",
            caption=f"{told} The rest is waiting for others, decisions, starting and assessing; "
            "pauses between a stop and a resume count too.",
        ),
        table(
            ("states came from", "intervals"),
            [
                (_ORIGINS.get(origin, origin), number)
                for origin, number in Counter(
                    r.origin for r in story.reports.values()
                ).most_common()
            ],
        ),
    ]
    return Section(anchor="ledger", heading="What it cost", body="".join(parts))


def _row(name: str, reports: Sequence[Reported]) -> tuple[str, ...]:
    return (
        name,
        count(sum(r.interval_tokens for r in reports)),
        count(sum(r.interval_flops for r in reports)),
        duration(sum(r.seconds for r in reports)),
        duration(sum(r.adoption_seconds for r in reports)),
        duration(sum(r.cpu_seconds for r in reports)),
    )


def time_spent(story: Story) -> tuple[float, tuple[TimeSpent, ...]]:
    """Return the seconds from the first interval's begin to the last one's end, and by worker."""
    reports = story.reports.values()
    begin = min(r.finished_at - r.seconds - r.adoption_seconds for r in reports)
    span = max(0.0, max(r.finished_at for r in reports) - begin)
    training: dict[int, float] = {}
    adopting: dict[int, float] = {}
    for report in reports:
        worker = report.worker
        training[worker] = training.get(worker, 0.0) + report.seconds
        adopting[worker] = adopting.get(worker, 0.0) + report.adoption_seconds
    return span, tuple(
        TimeSpent(
            name=f"worker {worker}",
            training=training[worker],
            adopting=adopting[worker],
            rest=max(0.0, span - training[worker] - adopting[worker]),
        )
        for worker in sorted(training)
    )


def _together(times: Sequence[TimeSpent]) -> TimeSpent:
    return TimeSpent(
        name=f"{len(times)} workers",
        training=sum(t.training for t in times),
        adopting=sum(t.adopting for t in times),
        rest=sum(t.rest for t in times),
    )
