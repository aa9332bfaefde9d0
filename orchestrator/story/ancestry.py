"""The states that led to a state, the member that leads a search, and who descends from whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.story.telling import Point, Story


def ancestors(story: Story, point: Point) -> tuple[Point, ...]:
    """Return every state from the one that began with fresh weights to `point` itself."""
    path: list[Point] = []
    at: Point | None = point
    while at is not None and at in story.orders:
        path.append(at)
        at = story.orders[at].source
    return tuple(reversed(path))


def leader(story: Story) -> Point | None:
    """Return the winner's state, or until there is one that of the member with the best fitness.

    None: nobody has reported a loss.
    """
    finished = story.finished
    if finished is not None and finished.winner is not None and finished.generation is not None:
        return finished.winner, finished.generation
    standing = [
        (score.fitness, -point[0], point)
        for point in story.judged.values()
        if (score := story.scores.get(point)) is not None and score.fitness is not None
    ]
    return max(standing)[2] if standing else None


def founders(story: Story) -> dict[Point, Point]:
    """Return for each state of the population the one with fresh weights that it descends from."""
    result: dict[Point, Point] = {}
    for point, order in story.orders.items():  # in the order of the log: sources come first
        if order.decision == "baseline":
            continue
        source = order.source
        result[point] = point if source is None else result.get(source, point)
    return result
