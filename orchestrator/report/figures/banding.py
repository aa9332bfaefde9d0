"""Quantile bands: how the values of many members are shown without a line for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.report.drawing import MUTED, SERIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from orchestrator.report.readings import Bands


def draw_bands(axes: Axes, spread: Bands, *, is_named: bool = True) -> None:
    """Draw the bands of the middle 80% and 50%, and the median."""
    outer_low, inner_low, median, inner_high, outer_high = spread.quantiles
    names = ("80% of members", "50% of members", "median") if is_named else (None, None, None)
    axes.fill_between(
        spread.x, outer_low, outer_high, color=MUTED, alpha=0.22, linewidth=0, label=names[0]
    )
    axes.fill_between(
        spread.x, inner_low, inner_high, color=MUTED, alpha=0.35, linewidth=0, label=names[1]
    )
    axes.plot(spread.x, median, color=SERIES[0], linewidth=1.6, label=names[2])
