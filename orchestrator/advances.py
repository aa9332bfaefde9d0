"""What a log tells of a search step by step, and how much of it is settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from orchestrator.events import Assessed, GenerationClosed, Ordered, Reported, Scored

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.events import Event

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """What a log tells of one step of a search: reports and all that followed from them."""

    at: int
    """Place of its first event among those followed."""
    reports: tuple[Reported, ...]
    scores: tuple[Scored, ...]
    closings: tuple[GenerationClosed, ...]
    orders: tuple[Ordered, ...]

    def __len__(self) -> int:
        """Return its number of events."""
        return len(self.reports) + len(self.scores) + len(self.closings) + len(self.orders)


def settled(events: Sequence[Event], *, newest: int) -> int:
    """Return how many of the first events are whole advances, with another advance after them.

    Args:
        events: Of a log, after the orders that began its search.
        newest: Of the last ones, so many at least are left.
    """
    end = next((n for n, event in enumerate(events) if _is_verdict(event)), len(events))
    until = min(end - 1, len(events) - newest)
    while until > 0 and not _begins(events, until):
        until -= 1
    return max(0, until)


def _begins(events: Sequence[Event], at: int) -> bool:
    """Return whether an advance begins here."""
    return isinstance(events[at], Reported) and not isinstance(events[at - 1], Reported)


def _is_verdict(event: Event) -> bool:
    return isinstance(event, Assessed) or (
        isinstance(event, Ordered) and event.decision == "baseline"
    )


def advances(events: Sequence[Event]) -> Iterator[Advance]:
    """Yield the advances that events are; what is left over is an advance without reports."""
    at = 0
    while at < len(events):
        found = Advance(
            at=at,
            reports=(reports := _run(events, at, Reported)),
            scores=(scores := _run(events, at + len(reports), Scored)),
            closings=(closings := _run(events, at + len(reports) + len(scores), GenerationClosed)),
            orders=_run(events, at + len(reports) + len(scores) + len(closings), Ordered),
        )
        yield found
        if len(found) == 0:
            return
        at += len(found)


def _run(events: Sequence[Event], at: int, kind: type[Kind]) -> tuple[Kind, ...]:
    """Return the events of a kind that stand here, one after the other."""
    found: list[Kind] = []
    while at < len(events) and isinstance(event := events[at], kind):
        found.append(event)
        at += 1
    return tuple(found)
