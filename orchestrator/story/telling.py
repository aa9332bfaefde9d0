"""A search as its events have told it so far, and what can be read off it.

`Story.add` is the only thing that changes it; every other function here is pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from orchestrator.events import (
    Assessed,
    Event,
    GenerationClosed,
    Ordered,
    Reported,
    Scored,
    SearchFinished,
    SearchStarted,
)

if TYPE_CHECKING:
    from orchestrator.events import JSON

Point = tuple[int, int]
"""(member, generation)"""


@dataclass(slots=True)
class Story:
    """The events of a search, each where it can be found again."""

    started: SearchStarted | None = None
    orders: dict[Point, Ordered] = field(default_factory=dict)
    reports: dict[Point, Reported] = field(default_factory=dict)
    scores: dict[Point, Scored] = field(default_factory=dict)
    closings: list[GenerationClosed] = field(default_factory=list)
    assessed: dict[str, Assessed] = field(default_factory=dict)
    finished: SearchFinished | None = None
    latest: dict[int, Point] = field(default_factory=dict)
    """The latest order of each member of the population (not of the baseline)."""
    baseline: Point | None = None
    """The latest order of the baseline."""
    best: Reported | None = None
    """The report with the lowest loss of the population; the earlier one of two equals."""
    judged: dict[int, Point] = field(default_factory=dict)
    """The latest report of each member of the population."""
    tokens: int = 0
    """Trained by the population so far; the baseline is not counted."""
    flops: float = 0.0

    def add(self, event: Event) -> None:
        """Take the next event of the log."""
        match event:
            case SearchStarted():
                self.started = event
            case Ordered():
                point = event.member, event.generation
                self.orders[point] = event
                if event.decision == "baseline":
                    self.baseline = point
                else:
                    self.latest[event.member] = point
            case Reported():
                point = event.member, event.generation
                self.reports[point] = event
                if not is_baseline(self, point):
                    self.judged[event.member] = point
                    self.tokens += event.interval_tokens
                    self.flops += event.interval_flops
                    self._compare(event)
            case Scored():
                self.scores[event.member, event.generation] = event
            case GenerationClosed():
                self.closings.append(event)
            case Assessed():
                self.assessed[event.role] = event
            case SearchFinished():
                self.finished = event

    def _compare(self, report: Reported) -> None:
        """Keep the report if its loss is the lowest so far."""
        lowest = None if self.best is None else self.best.nats_per_token
        if report.nats_per_token is not None and (lowest is None or report.nats_per_token < lowest):
            self.best = report


def told(events: tuple[Event, ...]) -> Story:
    """Return the story of the events."""
    story = Story()
    for event in events:
        story.add(event)
    return story


def is_baseline(story: Story, point: Point) -> bool:
    """Return whether an interval belongs to the baseline, not to the population."""
    order = story.orders.get(point)
    return order is not None and order.decision == "baseline"


def budget(story: Story) -> tuple[Literal["tokens", "FLOPs"], float] | None:
    """Return the unit and amount of the budget; None before the search has started."""
    if story.started is None:
        return None
    written: dict[str, JSON] = story.started.run["budget"]
    if written.get("tokens") is not None:
        return "tokens", float(written["tokens"])
    return "FLOPs", float(written["flops"])


def share_spent(story: Story, tokens_in_flight: int = 0) -> float:
    """Return the share of the budget that is spent, in [0, 1].

    Tokens in flight are priced at the population's mean FLOPs a token when the budget is in FLOPs.
    """
    spent: float
    match budget(story):
        case ("tokens", amount):
            spent = story.tokens + tokens_in_flight
        case ("FLOPs", amount):
            price = story.flops / story.tokens if story.tokens else 0.0
            spent = story.flops + tokens_in_flight * price
        case _:
            return 0.0
    return min(1.0, spent / amount)


def tokens_per_second(story: Story, generation: int) -> float | None:
    """Return a generation's tokens over the time of its busiest worker; None: no times known."""
    busy: dict[int, float] = {}
    tokens = 0
    for (_, number), report in story.reports.items():
        if number == generation and not is_baseline(story, (report.member, number)):
            tokens += report.interval_tokens
            spent = report.seconds + report.adoption_seconds
            busy[report.worker] = busy.get(report.worker, 0.0) + spent
    longest = max(busy.values(), default=0.0)
    return tokens / longest if longest > 0 else None


def fitness_parts(score: Scored | None) -> dict[str, float]:
    """Return the parts of a fitness that are numbers, nats; empty for a failed member."""
    if score is None:
        return {}
    parts: dict[str, JSON] = score.parts.get("parts", score.parts)
    return {n: v for n, v in parts.items() if isinstance(v, int | float) and v is not True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A member by its latest judged interval."""

    rank: int | None
    """From 1, by fitness; None: failed or not judged yet."""
    member: int
    generation: int
    digest: str
    parameters: int
    tokens: int
    """Along its lineage."""
    nats_per_token: float | None
    bits_per_byte: float | None
    fitness: float | None
    parts: dict[str, float]
    failure: str | None


def leaderboard(story: Story) -> tuple[Standing, ...]:
    """Return the members that have reported, the fittest first and failed ones last."""
    members = sorted(story.judged, key=lambda member: unfitness(story, member))
    return tuple(_standing(story, story.judged[m], at) for at, m in enumerate(members, start=1))


def unfitness(story: Story, member: int) -> tuple[float, int]:
    """Return what members are ordered by: the fittest first, failed and unjudged ones last."""
    score = story.scores.get(story.judged[member]) if member in story.judged else None
    return (math.inf if score is None or score.fitness is None else -score.fitness, member)


def _standing(story: Story, point: Point, at: int) -> Standing:
    report, score = story.reports[point], story.scores.get(point)
    fitness = None if score is None else score.fitness
    return Standing(
        rank=None if fitness is None else at,
        member=report.member,
        generation=report.generation,
        digest=report.digest,
        parameters=report.parameters,
        tokens=report.ledger.tokens,
        nats_per_token=report.nats_per_token,
        bits_per_byte=report.bits_per_byte,
        fitness=fitness,
        parts=fitness_parts(score),
        failure=report.failure,
    )
