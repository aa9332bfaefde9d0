"""One gene over the generations: a small panel; the page lays them out side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.report.drawing import INK, MUTED, SERIES, dress
from orchestrator.report.figures.banding import draw_bands
from orchestrator.report.readings import bands

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orchestrator.report.gene_reading import History, NumericHistory, SharedHistory

WIDTH, HEIGHT = 3.05, 2.0
_MOST_DOTS = 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.52, 0.08, 0.12, 0.4
"""Margins in inches: a layout engine would take most of the time of 25 small panels."""


def draw(history: History) -> Figure:
    """Draw a gene's history in a panel of fixed margins."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    from orchestrator.report.gene_reading import NumericHistory  # noqa: PLC0415 - for the isinstance

    figure = Figure(figsize=(WIDTH, HEIGHT))
    figure.patch.set_alpha(0.0)
    axes = figure.add_axes(
        (
            _LEFT / WIDTH,
            _BOTTOM / HEIGHT,
            1 - (_LEFT + _RIGHT) / WIDTH,
            1 - (_TOP + _BOTTOM) / HEIGHT,
        )
    )
    dress(axes)
    if isinstance(history, NumericHistory):
        _numeric(axes, history)
    else:
        _shared(axes, history)
    axes.set_xlabel("generation", fontsize=9, labelpad=2)
    axes.tick_params(labelsize=9, length=2.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    return figure


def _numeric(axes: Axes, history: NumericHistory) -> None:
    numbers = np.arange(len(history.values), dtype=float)
    dots = [(n, v) for n, row in zip(numbers, history.values, strict=True) for v in row]
    if len(dots) <= _MOST_DOTS:
        if dots:
            axes.plot(*zip(*dots, strict=True), "o", color=MUTED, alpha=0.4, markersize=3.2)
        medians = [np.median(row) if row else np.nan for row in history.values]
        axes.plot(numbers, medians, color=SERIES[0], linewidth=1.6)
    else:
        draw_bands(axes, bands(numbers.tolist(), history.values), is_named=False)
    begin = history.leading_from
    lineage = range(begin, begin + len(history.leading))
    axes.plot(lineage, history.leading, color=SERIES[1], linewidth=2.0)
    if history.is_log:
        _logarithmic(axes, history)
        low, high = np.log(history.low), np.log(history.high)
        room = 0.05 * (high - low)
        axes.set_ylim(np.exp(low - room), np.exp(high + room))
    else:
        room = 0.05 * (history.high - history.low)
        axes.set_ylim(history.low - room, history.high + room)
        axes.locator_params(axis="y", nbins=5)
    end = max(1, len(history.values) - 1)
    axes.set_xlim(-0.03 * end, 1.03 * end)


def _logarithmic(axes: Axes, history: NumericHistory) -> None:
    """Set a log scale with at least two numbers on it, written plainly."""
    from matplotlib.ticker import (  # noqa: PLC0415 - half a second
        FuncFormatter,
        LogLocator,
        NullFormatter,
    )

    axes.set_yscale("log")
    decades = np.log10(history.high / history.low)
    steps = (1.0,) if decades > 2 else (1.0, 3.0) if decades > 1 else (1.0, 2.0, 5.0)
    axes.yaxis.set_major_locator(LogLocator(subs=steps, numticks=6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", which="minor", length=0)


def _shared(axes: Axes, history: SharedHistory) -> None:
    numbers = len(history.shares)
    edges = np.arange(numbers + 1) - 0.5
    tops = np.cumsum(np.asarray(history.shares, float).reshape(numbers, -1), axis=1)
    for at in range(len(history.options)):
        floor = tops[:, at - 1] if at else np.zeros(numbers)
        axes.stairs(
            tops[:, at], edges, baseline=floor, fill=True, alpha=0.8, color=SERIES[at % len(SERIES)]
        )
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1], ["0%", "50%", "100%"])
    axes.set_xlim(-0.5, max(0.5, numbers - 0.5))
    axes.grid(visible=False)
    axes.tick_params(axis="y", labelcolor=INK)
