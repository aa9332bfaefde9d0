"""Where the workers' time went: a bar a worker, or one of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.report.drawing import INK, MUTED, NARROW, SERIES, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpent:
    """Of one worker, seconds; several under one name are added up."""

    name: str
    training: float
    """Training and evaluation."""
    adopting: float
    """Obtaining, rebuilding and morphing states."""
    rest: float
    """Waiting, decisions, assessing the winner, starting."""


def draw(spent: tuple[TimeSpent, ...], width: float) -> Figure:
    """Draw the times as stacked bars."""
    is_narrow = width <= NARROW
    figure, axes = new_figure(width=width, height=1.35 + 0.34 * len(spent))
    whole = max(s.training + s.adopting + s.rest for s in spent)
    unit, name = (60.0, "minutes") if whole > 300 else (1.0, "seconds")
    unit, name = (3600.0, "hours") if whole > 3 * 3600 else (unit, name)
    rows = np.arange(len(spent))
    left = np.zeros(len(spent))
    for label, colour, alpha, values in (
        ("training and evaluation", SERIES[2], 1.0, [s.training for s in spent]),
        ("adopting states", SERIES[1], 1.0, [s.adopting for s in spent]),
        ("the rest", MUTED, 0.45, [s.rest for s in spent]),
    ):
        sizes = np.asarray(values) / unit
        axes.barh(rows, sizes, left=left, height=0.66, color=colour, alpha=alpha, label=label)
        left = left + sizes
    axes.set_yticks(rows, [s.name for s in spent])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"wall time ({name})")
    figure.legend(
        loc="outside upper left",
        ncols=1 if is_narrow else 3,
        frameon=False,
        labelcolor=INK,
        fontsize=9 if is_narrow else 10,
    )
    return figure
