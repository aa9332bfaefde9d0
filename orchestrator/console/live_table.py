"""The live table: the members of the population, redrawn while they train."""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator.console.pace import PaceMeter, told_pace
from orchestrator.console.redrawn import Redrawn
from orchestrator.numerals import count, loss
from orchestrator.story.telling import Story, fitness_parts, is_baseline, unfitness

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

    from orchestrator.console.pace import Pace
    from orchestrator.events import Event
    from orchestrator.observers import LiveProgress
    from orchestrator.story.telling import Point

_LINES_BESIDE = 4
"""The header, the baseline, how many more there are, and totals."""


class LiveTable:
    """Observer that redraws the table at most five times a second."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.story = Story()
        self._console = console
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
        return table(self.story, self._progress, pace, lines=self._console.size.height - 1)


def tokens_in_flight(story: Story, progress: tuple[LiveProgress, ...]) -> int:
    """Return the tokens of the population's intervals that are not reported yet."""
    return sum(
        p.tokens_done
        for p in progress
        if (p.member, p.generation) not in story.reports
        and not is_baseline(story, (p.member, p.generation))
    )


def table(
    story: Story, progress: tuple[LiveProgress, ...], pace: Pace, *, lines: int
) -> RenderableType:
    """Return the population, or the fittest of it that fit into `lines`, with totals under it."""
    live = {(p.member, p.generation): p for p in progress}
    rows = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for name in ("member", "genome", "gen", "parameters", "tokens", "loss", "fitness"):
        rows.add_column(name, justify="left" if name == "genome" else "right", no_wrap=True)
    rows.add_column("parts", overflow="ellipsis", no_wrap=True)
    rows.add_column("state", overflow="ellipsis", no_wrap=True)
    best = None if story.best is None else (story.best.member, story.best.generation)
    shown = _shown(story, most=lines - _LINES_BESIDE)
    for member in shown:
        is_best = best is not None and best == story.judged.get(member)
        row = _row(story, member, story.latest[member], live)
        rows.add_row(*row, style="bold green" if is_best else "")
    if story.baseline is not None and story.baseline not in story.reports:
        row = _row(story, story.baseline[0], story.baseline, live)
        rows.add_row("base", *row[1:], style="dim")
    more = len(story.latest) - len(shown)
    told = f"{more:,} members more, less fit or not judged yet\n" if more else ""
    return Group(rows, Text(told + _totals(story, pace)))


def _shown(story: Story, *, most: int) -> list[int]:
    """Return the members in their order, or so many in that of fitness where not all fit."""
    if len(story.latest) <= most:
        return sorted(story.latest)
    return heapq.nsmallest(max(1, most), story.latest, key=lambda m: unfitness(story, m))


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
    lowest = story.best
    found = "" if lowest is None else f"best loss {loss(lowest.nats_per_token)} ({lowest.digest})  "
    return f"{found}{count(story.tokens)} tokens  {told_pace(pace)}"
