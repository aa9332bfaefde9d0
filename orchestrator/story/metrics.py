"""The curves of a population: numbers by name for each generation and for the end.

All curves share one axis, the tokens of the whole search, so that they can be laid over each other.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from orchestrator.story.comparison import compare
from orchestrator.story.telling import tokens_per_second

if TYPE_CHECKING:
    from orchestrator.events import GenerationClosed
    from orchestrator.story.telling import Story


def generation_points(story: Story, closing: GenerationClosed) -> dict[str, float]:
    """Return the points of the population at the close of a generation."""
    number = closing.generation
    orders = [order for order in story.orders.values() if order.generation == number]
    reports = [r for (m, g), r in story.reports.items() if g == number and m in story.judged]
    losses = [r.nats_per_token for r in reports if r.nats_per_token is not None]
    points: dict[str, float | None] = {
        "best_loss": closing.best_loss,
        "median_loss": statistics.median(losses) if losses else None,
        "worst_loss": max(losses, default=None),
        "best_fitness": closing.best_fitness,
        "flops": closing.flops,
        "price": closing.price,
        "tokens_per_second": tokens_per_second(story, number),
        "replaced": sum(order.decision == "replace" for order in orders),
        "failed": sum(report.failure is not None for report in reports),
    }
    return {name: float(value) for name, value in points.items() if value is not None}


def finished_at(story: Story, generation: int) -> float:
    """Return when the last member of a generation reported, seconds since the epoch."""
    return max(r.finished_at for (_, g), r in story.reports.items() if g == generation)


def final_points(story: Story) -> dict[str, float]:
    """Return the held-out results of a finished search; empty before."""
    points: dict[str, float] = {}
    for role, state in story.assessed.items():
        points[f"heldout/{role}_bits_per_byte"] = state.bits_per_byte
        points[f"heldout/{role}_nats_per_token"] = state.nats_per_token
    compared = compare(story)
    if compared is not None:
        points["heldout/difference_bits_per_byte"] = compared.difference
        if compared.standard_error is not None:
            points["heldout/difference_standard_error"] = compared.standard_error
    return points
