"""How fast a search goes in this session, and how long it still takes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.events import GenerationClosed, SearchStarted
from orchestrator.numerals import count, duration
from orchestrator.story.telling import share_spent

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.events import Event
    from orchestrator.story.telling import Story

_GENERATIONS = 6
"""The pace is that of so many last generations: the first ones pay for the start of the workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What was done lately, in how many seconds; replayed events are not this session's work."""

    seconds: float = 0.0
    tokens: float = 0.0
    share: float = 0.0
    """Of the budget, spent in these seconds."""
    total_share: float = 0.0
    """Of the budget, spent by all sessions."""

    @property
    def tokens_per_second(self) -> float | None:
        """None before anything was trained."""
        return self.tokens / self.seconds if self.tokens and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """To the end of the budget at this pace; the baseline's training is not counted."""
        if self.share <= 0 or self.seconds <= 0:
            return None
        return (1 - self.total_share) * self.seconds / self.share


class PaceMeter:
    """Takes the time at new generations; call `take` after the story has the event."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._marks: deque[tuple[float, int, float]] = deque(maxlen=_GENERATIONS)

    def take(self, story: Story, event: Event) -> None:
        """Mark the first new event and every new closing of a generation."""
        begins = not self._marks and not isinstance(event, SearchStarted)
        if begins or isinstance(event, GenerationClosed):
            self._marks.append((self._clock(), story.tokens, share_spent(story)))

    def pace(self, story: Story, tokens_in_flight: int = 0) -> Pace:
        """Return the pace since the oldest mark."""
        total = share_spent(story, tokens_in_flight)
        if not self._marks:
            return Pace(total_share=total)
        begun, tokens, share = self._marks[0]
        return Pace(
            seconds=self._clock() - begun,
            tokens=story.tokens + tokens_in_flight - tokens,
            share=total - share,
            total_share=total,
        )


def told_pace(pace: Pace) -> str:
    """Say the pace in a few words."""
    parts = [f"{pace.total_share:4.0%} of the budget"]
    if pace.tokens_per_second is not None:
        parts.append(f"{count(pace.tokens_per_second)} tokens/s")
    if pace.seconds_left is not None and pace.total_share < 1:
        parts.append(f"{duration(pace.seconds_left)} left")
    return "  ".join(parts)
