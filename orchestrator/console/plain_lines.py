"""One line a generation, for pipes, files and terminals without cursor control."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.console.pace import PaceMeter, told_pace
from orchestrator.events import Assessed, GenerationClosed, Reported, SearchFinished, SearchStarted
from orchestrator.numerals import count, loss
from orchestrator.story.telling import Story, budget, share_spent

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from orchestrator.console.pace import Pace
    from orchestrator.events import Event
    from orchestrator.observers import LiveProgress


class PlainLines:
    """Observer that prints lines as things happen; a resumed search starts with one line."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.story = Story()
        self._console = console
        self._meter = PaceMeter(clock)
        self._replayed = 0

    def on_event(self, event: Event, number: int, replayed: bool) -> None:  # noqa: ARG002, FBT001 - the Observer protocol
        """Print what the event says, if anything."""
        if replayed:
            self._replayed += 1
            self.story.add(event)
            return
        if self._replayed:
            spent = share_spent(self.story)
            self._print(f"resumed after {self._replayed} events  {spent:.0%} of the budget")
            self._replayed = 0
        self.story.add(event)
        self._meter.take(self.story, event)
        line = told_event(self.story, event, self._meter.pace(self.story))
        if line:
            self._print(line)

    def on_progress(self, progress: tuple[LiveProgress, ...]) -> None:
        """Lines say what has happened only."""

    def close(self) -> None:
        """Nothing is held open."""

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)


def told_event(story: Story, event: Event, pace: Pace) -> str | None:
    """Return the line of an event; None for those that a generation's line sums up."""
    line: str | None = None
    match event:
        case SearchStarted():
            line = _started(story, event)
        case Reported(failure=str() as failure):
            line = (
                f"member {event.member} {event.digest} failed in generation "
                f"{event.generation}: {failure}"
            )
        case GenerationClosed():
            line = _generation(story, event, pace)
        case Assessed():
            line = (
                f"{event.role} {event.digest} on held-out text: {event.bits_per_byte:.4f} "
                f"bits per byte ({loss(event.nats_per_token)} nats per token)"
            )
        case SearchFinished():
            won = "no winner" if event.winner is None else f"member {event.winner} wins"
            line = f"finished ({event.reason.replace('_', ' ')}): {won}"
    return line


def _started(story: Story, event: SearchStarted) -> str:
    unit, amount = budget(story) or ("tokens", 0.0)
    return (
        f"{event.run['population']['members']} members  seed {event.run['seed']}  "
        f"budget {count(amount)} {unit}  {event.generations} generations  "
        f"horizon {count(event.horizon_tokens)} tokens a lineage"
    )


def _generation(story: Story, event: GenerationClosed, pace: Pace) -> str:
    orders = (story.orders.get((member, event.generation)) for member in story.latest)
    replaced = sum(order is not None and order.decision == "replace" for order in orders)
    last = "" if story.started is None else f"/{story.started.generations - 1}"
    best = "none" if event.best_member is None else f"member {event.best_member}"
    return (
        f"generation {event.generation:3d}{last}  best loss {loss(event.best_loss)} ({best})  "
        f"{replaced} replaced  {count(event.tokens)} tokens  {told_pace(pace)}"
    )
