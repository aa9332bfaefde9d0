"""Loss by tokens: every member of a small population, quantiles of a large one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.report.drawing import (
    INK,
    MUTED,
    NARROW,
    SERIES,
    counted,
    dress,
    new_figure,
)
from orchestrator.report.figures.banding import draw_bands

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orchestrator.report.readings import Bands

LEADER, BASELINE, BEST = SERIES[1], SERIES[0], INK


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Loss at the ends of intervals."""

    tokens: tuple[float, ...]
    """Along the lineage."""
    loss: tuple[float, ...]
    """Nats per token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCurves:
    """What the figure shows; losses in nats per token on the selection split."""

    members: tuple[Curve, ...]
    """A stretch of life with one genome each, from the state it grew out of."""
    spread: Bands | None
    """Of a population too large for a line a member."""
    leader: Curve
    leader_is_winner: bool
    best: Curve
    """The lowest loss of each generation."""
    baseline: Curve
    exploits: Curve
    """Where children of an unchanged architecture have ended their first interval."""
    morphs: Curve
    """Where children of a changed architecture have."""
    counts: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None
    """Exploits, morphs and failures by generation, of a large population."""
    bits_per_byte_per_nat: float
    top: float
    """Highest loss that is shown."""


def draw(curves: LossCurves, width: float) -> Figure:
    """Draw the losses, and under those of a large population its exploits and failures."""
    is_narrow = width <= NARROW
    if curves.counts is None:
        figure, axes = new_figure(width=width, height=4.3 if is_narrow else 4.6)
    else:
        figure, axes = new_figure(width=width, height=6.0)
        axes.remove()
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        dress(axes)
        dress(below)
        _draw_counts(below, curves)
    _draw_losses(axes, curves)
    axes.set_ylabel("loss (nats per token)")
    bottom = axes if curves.counts is None else figure.axes[1]
    bottom.set_xlabel("tokens trained along the lineage")
    counted(bottom.xaxis)
    factor = curves.bits_per_byte_per_nat
    if not is_narrow and factor > 0:
        there, back = partial(np.multiply, factor), partial(np.multiply, 1 / factor)
        right = axes.secondary_yaxis("right", functions=(there, back))
        right.set_ylabel("bits per byte", color=INK)
        right.tick_params(colors=MUTED, labelcolor=INK)
        right.spines["right"].set_color(MUTED)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=2 if is_narrow else 6,
        frameon=False,
        labelcolor=INK,
        fontsize=9 if is_narrow else 10,
        columnspacing=1.2,
        handlelength=1.6,
        handletextpad=0.5,
        borderaxespad=0.1,
    )
    return figure


def _draw_losses(axes: Axes, curves: LossCurves) -> None:
    for at, curve in enumerate(curves.members):
        name = "every member" if at == 0 else None
        axes.plot(curve.tokens, curve.loss, color=MUTED, alpha=0.45, linewidth=1, label=name)
    if curves.spread is not None:
        draw_bands(axes, curves.spread)
    if curves.baseline.loss:
        axes.plot(
            *(curves.baseline.tokens, curves.baseline.loss),
            color=BASELINE, linewidth=1.8, linestyle=(0, (5, 2)), label="default genome",
        )  # fmt: skip
    name = "winner's lineage" if curves.leader_is_winner else "leader's lineage"
    axes.plot(curves.leader.tokens, curves.leader.loss, color=LEADER, linewidth=2.4, label=name)
    axes.plot(
        *(curves.best.tokens, curves.best.loss),
        color=BEST, linewidth=1.2, linestyle=(0, (1, 1.5)), label="best so far",
    )  # fmt: skip
    for marks, shape, colour, name in (
        (curves.exploits, "^", SERIES[2], "exploit"),
        (curves.morphs, "D", SERIES[6], "exploit with a morph"),
    ):
        if marks.loss:
            axes.plot(
                *(marks.tokens, marks.loss),
                marker=shape, linestyle="none", color=colour, markersize=6 if shape == "^" else 5,
                alpha=0.9, label=name,
            )  # fmt: skip
    shown = [loss for curve in (*curves.members, curves.best, curves.leader) for loss in curve.loss]
    lowest = min([*shown, *curves.baseline.loss, *_lowest(curves)])
    axes.set_ylim(lowest - 0.04 * (curves.top - lowest), curves.top)


def _lowest(curves: LossCurves) -> list[float]:
    return [] if curves.spread is None else [float(np.nanmin(curves.spread.quantiles))]


def _draw_counts(axes: Axes, curves: LossCurves) -> None:
    assert curves.counts is not None
    assert curves.spread is not None
    x = curves.spread.x
    width = float(np.median(np.diff(x))) if len(x) > 1 else 1.0
    exploits, morphs, failures = (np.asarray(numbers, float) for numbers in curves.counts)
    axes.bar(x, exploits, width=width, color=SERIES[2], alpha=0.55, label="exploits", linewidth=0)
    axes.bar(x, morphs, width=width, color=SERIES[6], alpha=0.8, label="... with a morph")
    axes.plot(x, failures, color=SERIES[3], linewidth=1.4, label="failures")
    axes.set_ylabel("members")
    axes.set_ylim(0, 1.5 * max(1.0, exploits.max(), failures.max()))  # room for the legend
    axes.legend(loc="upper right", frameon=False, labelcolor=INK, fontsize=9, ncols=3)
