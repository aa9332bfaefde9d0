"""What figures show, read off a story: lives of members, the leader's path, quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.story.ancestry import ancestors, leader
from orchestrator.story.telling import is_baseline

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from orchestrator.events import Reported
    from orchestrator.story.telling import Point, Story

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True)
class Bands:
    """Quantiles of a population's values by generation."""

    x: NDArray[np.float64]  # (G,), tokens or generations
    quantiles: NDArray[np.float64]  # (5, G), at QUANTILES; NaN where nobody has a value


def bands(x: Sequence[float], values: Sequence[Sequence[float]]) -> Bands:
    """Return the quantiles of each generation's values."""
    columns = [
        np.quantile(held, QUANTILES) if len(held) else np.full(len(QUANTILES), np.nan)
        for held in values
    ]
    return Bands(np.asarray(x, float), np.asarray(columns, float).reshape(-1, len(QUANTILES)).T)


def generations(story: Story) -> tuple[tuple[Reported, ...], ...]:
    """Return the population's reports by generation: the n-th intervals of all members."""
    rows: dict[int, list[Reported]] = {}
    for point, report in story.reports.items():
        if not is_baseline(story, point):
            rows.setdefault(report.generation, []).append(report)
    return tuple(tuple(rows[number]) for number in sorted(rows))


def baseline(story: Story) -> tuple[Reported, ...]:
    """Return the reports of the default genome's training."""
    return tuple(r for point, r in story.reports.items() if is_baseline(story, point))


def leading_path(story: Story) -> tuple[Reported, ...]:
    """Return the reports along the leader's lineage, the first interval first."""
    point = leader(story)
    return () if point is None else reported(story, ancestors(story, point))


def reported(story: Story, points: Iterable[Point]) -> tuple[Reported, ...]:
    """Return the reports of those of the points that have one."""
    return tuple(story.reports[point] for point in points if point in story.reports)


def is_morph(report: Reported) -> bool:
    """Return whether the interval began with a change of architecture."""
    return bool(report.morph and report.morph.get("moves"))
