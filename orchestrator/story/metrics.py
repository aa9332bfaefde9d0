"""The curves of a search: numbers by name for each generation and for the end.

All curves share one axis, the tokens of the whole search, so that they can be laid over each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.story.comparison import compare
from orchestrator.story.telling import fitness_parts, tokens_per_second

if TYPE_CHECKING:
    from orchestrator.events import GenerationClosed
    from orchestrator.story.telling import Story


def generation_points(story: Story, closing: GenerationClosed) -> dict[str, float]:
    """Return the points of a generation that has just closed: population first, then members."""
    number = closing.generation
    orders = [order for order in story.orders.values() if order.generation == number]
    reports = {m: r for (m, g), r in story.reports.items() if g == number and m in story.judged}
    points: dict[str, float | None] = {
        "best_loss": closing.best_loss,
        "best_fitness": closing.best_fitness,
        "flops": closing.flops,
        "price": closing.price,
        "tokens_per_second": tokens_per_second(story, number),
        "replaced": sum(order.decision == "replace" for order in orders),
        "failed": sum(report.failure is not None for report in reports.values()),
    }
    for member, report in sorted(reports.items()):
        name = f"member_{member:03d}"
        points[f"{name}/loss"] = report.nats_per_token
        points[f"{name}/bits_per_byte"] = report.bits_per_byte
        points[f"{name}/train_loss"] = report.train_loss
        points[f"{name}/parameters"] = report.parameters
        points[f"{name}/tokens"] = report.ledger.tokens
        if report.game is not None:
            points[f"{name}/exploitability"] = report.game["exploitability"]
            points[f"{name}/components_not_paying"] = len(report.game["removed"])
        score = story.scores.get((member, number))
        if score is not None:
            points[f"{name}/fitness"] = score.fitness
            for part, value in fitness_parts(score).items():
                points[f"{name}/fitness_{part}"] = value
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
