"""The live table: every member of the population, redrawn while it trains."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator.console.pace import PaceMeter, told_pace
from orchestrator.console.redrawn import Redrawn
from orchestrator.numerals import count, loss
from orchestrator.story.telling import Story, best, fitness_parts, is_baseline

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

    from orchestrator.console.pace import Pace
    from orchestrator.events import Event
    from orchestrator.observers import LiveProgress
    from orchestrator.story.telling import Point


class LiveTable:
    """Observer that redraws the table at most five times a second."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.story = Story()
        self._progress: tuple[LiveProgress, ...] = ()
        self._meter = PaceMeter(clock)
        self._redrawn = Redrawn(console, self._table, clock=clock)

    def on_event(self, event: Event, number: int, replayed: bool) -> None:  # noqa: ARG002, FBT001 - the Observer protocol
        """Take the event; a replayed one is drawn with the first new one."""
        self.story.add(event)
        if replayed:
            return
        self._meter.take(self.story, event)
        self._redrawn.start()
        self._redrawn.at_times()

    def on_progress(self, progress: tuple[LiveProgress, ...]) -> None:
        """Take the members' progress."""
        self._progress = progress
        self._redrawn.at_times()

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._progress = ()
        self._redrawn.close()

    def _table(self) -> RenderableType:
        in_flight = tokens_in_flight(self.story, self._progress)
        pace = self._meter.pace(self.story, in_flight)
        return table(self.story, self._progress, pace)


def tokens_in_flight(story: Story, progress: tuple[LiveProgress, ...]) -> int:
    """Return the tokens of the population's intervals that are not reported yet."""
    return sum(
        p.tokens_done
        for p in progress
        if (p.member, p.generation) not in story.reports
        and not is_baseline(story, (p.member, p.generation))
    )


def table(story: Story, progress: tuple[LiveProgress, ...], pace: Pace) -> RenderableType:
    """Return the population as a table with a line of totals under it."""
    live = {(p.member, p.generation): p for p in progress}
    rows = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for name in ("member", "genome", "gen", "parameters", "tokens", "loss", "fitness"):
        rows.add_column(name, justify="left" if name == "genome" else "right", no_wrap=True)
    rows.add_column("parts", overflow="ellipsis", no_wrap=True)
    rows.add_column("state", overflow="ellipsis", no_wrap=True)
    winner = best(story)
    for member, point in sorted(story.latest.items()):
        is_best = winner is not None and (winner.member, winner.generation) == story.judged.get(
            member
        )
        rows.add_row(*_row(story, member, point, live), style="bold green" if is_best else "")
    for point, order in story.orders.items():
        if order.decision == "baseline" and point not in story.reports:
            rows.add_row("base", *_row(story, point[0], point, live)[1:], style="dim")
    return Group(rows, Text(_totals(story, pace)))


def _row(
    story: Story, member: int, point: Point, live: dict[Point, LiveProgress]
) -> tuple[str, ...]:
    order, judged = story.orders[point], story.judged.get(member)
    report = None if judged is None else story.reports[judged]
    score = None if judged is None else story.scores.get(judged)
    return (
        str(member),
        order.digest,
        str(order.generation),
        "-" if report is None else count(report.parameters),
        "-" if report is None else count(report.ledger.tokens),
        "-" if report is None else loss(report.nats_per_token),
        "-" if score is None or score.fitness is None else f"{score.fitness:.4f}",
        told_parts(fitness_parts(score)),
        state(story, point, live.get(point)),
    )


def state(story: Story, point: Point, progress: LiveProgress | None) -> str:
    """Say what a member is doing, and where its present genome came from."""
    order, report = story.orders[point], story.reports.get(point)
    if report is not None and report.failure is not None:
        return f"failed: {report.failure}"
    if report is not None:
        doing = "waiting"
    elif progress is not None and progress.tokens_of_interval:
        doing = f"training {progress.tokens_done / progress.tokens_of_interval:4.0%}"
    else:
        doing = "queued"
    match order.decision:
        case "replace":
            return f"{doing}  replaced by {order.donor} via {order.proposer}"
        case "restart":
            return f"{doing}  restarted via {order.proposer}"
        case _:
            return doing


def told_parts(parts: dict[str, float]) -> str:
    """Return the parts of a fitness that are not zero, as `name value`."""
    return "  ".join(f"{name} {value:.4g}" for name, value in parts.items() if value)


def _totals(story: Story, pace: Pace) -> str:
    if story.finished is not None:
        reason = story.finished.reason.replace("_", " ")
        return f"finished ({reason})  {count(story.tokens)} tokens"
    lowest = best(story)
    found = "" if lowest is None else f"best loss {loss(lowest.nats_per_token)} ({lowest.digest})  "
    return f"{found}{count(story.tokens)} tokens  {told_pace(pace)}"
