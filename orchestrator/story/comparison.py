"""The winner beside the baseline on the held-out batches, with a paired standard error."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.story.telling import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Winner minus baseline in bits per byte; negative: the winner is better."""

    winner: float
    baseline: float
    difference: float
    standard_error: float | None
    """Of the mean paired difference over batches; None with fewer than two batches."""
    batches: int

    @property
    def is_clear(self) -> bool:
        """Whether the difference exceeds twice its standard error."""
        return self.standard_error is not None and abs(self.difference) > 2 * self.standard_error


def compare(story: Story) -> Comparison | None:
    """Compare winner and baseline; None until both are assessed on the same batches."""
    winner, baseline = story.assessed.get("winner"), story.assessed.get("baseline")
    if winner is None or baseline is None or len(winner.losses) != len(baseline.losses):
        return None
    # both saw the same bytes, so one factor turns nats per token into bits per byte
    factor = baseline.bits_per_byte / baseline.nats_per_token
    pairs = [factor * (w - b) for w, b in zip(winner.losses, baseline.losses, strict=True)]
    error = statistics.stdev(pairs) / math.sqrt(len(pairs)) if len(pairs) > 1 else None
    return Comparison(
        winner=winner.bits_per_byte,
        baseline=baseline.bits_per_byte,
        difference=winner.bits_per_byte - baseline.bits_per_byte,
        standard_error=error,
        batches=len(pairs),
    )


def verdict(comparison: Comparison) -> str:
    """Say in words what the comparison shows, whichever way it went."""
    if not comparison.is_clear:
        return "no clear difference between the winner and the default genome"
    if comparison.difference < 0:
        return "the winner is better than the default genome"
    return "the winner is WORSE than the default genome of its size"
