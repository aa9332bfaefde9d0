"""How fast a search goes in this session, and how long it still takes."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.console.figures import count, duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What this session has done, in how many seconds; replayed events are not its work."""

    seconds: float = 0.0
    tokens: float = 0.0
    share: float = 0.0
    """Of the budget, spent in this session."""
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


def told_pace(pace: Pace) -> str:
    """Say the pace in a few words."""
    parts = [f"{pace.total_share:4.0%} of the budget"]
    if pace.tokens_per_second is not None:
        parts.append(f"{count(pace.tokens_per_second)} tokens/s")
    if pace.seconds_left is not None and pace.total_share < 1:
        parts.append(f"{duration(pace.seconds_left)} left")
    return "  ".join(parts)
