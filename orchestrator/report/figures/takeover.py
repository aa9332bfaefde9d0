"""Whose descendants a population is: shares of its founders by generation (a Muller plot)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.report.drawing import GRID, INK, NARROW, SERIES, new_figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Takeover:
    """Shares of the population by founder; the last row is everybody else."""

    generations: NDArray[np.float64]  # (G,)
    shares: NDArray[np.float64]  # (F + 1, G), columns sum to 1
    names: tuple[str, ...]  # (F + 1,)


def draw(takeover: Takeover, width: float) -> Figure:
    """Draw the shares on top of each other."""
    figure, axes = new_figure(width=width, height=3.4)
    colours = [*SERIES[: len(takeover.names) - 1], GRID]
    axes.stackplot(
        takeover.generations,
        takeover.shares,
        colors=colours,
        labels=takeover.names,
        alpha=0.85,
        linewidth=0,
    )
    axes.set_ylim(0, 1)
    axes.set_xlim(takeover.generations[0], max(takeover.generations[-1], 1))
    axes.set_xlabel("generation")
    axes.set_ylabel("share of the population")
    figure.legend(
        loc="outside upper left",
        ncols=2 if width <= NARROW else 4,
        frameon=False,
        labelcolor=INK,
        fontsize=9,
        handlelength=1.2,
    )
    return figure
