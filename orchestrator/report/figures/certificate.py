"""What each arm of a certificate is beside the default genome: every seed, mean and interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.report.drawing import INK, MUTED, NARROW, SERIES, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from orchestrator.certification import Compared

_SPREAD = 0.25
"""Height over which the seeds of an arm are spread, of the distance between two arms."""


def draw(comparisons: Sequence[Compared], width: float) -> Figure:
    """Draw one row an arm; left of 0 is better than the default genome."""
    is_narrow = width <= NARROW
    figure, axes = new_figure(width=width, height=1.5 + 0.7 * len(comparisons))
    axes.axvline(0.0, color=INK, linewidth=1.0)
    for row, compared in enumerate(comparisons):
        there = [d for d in compared.differences if d is not None]
        heights = [
            row + _SPREAD * (at / max(1, len(there) - 1) - 0.5) + _SPREAD
            for at in range(len(there))
        ]
        label = "one seed" if row == 0 else None
        axes.plot(
            there, heights, "o", color=SERIES[0], alpha=0.75, markersize=5, linewidth=0, label=label
        )
        if compared.gain is not None:
            gain = compared.gain
            axes.errorbar(
                [gain.mean],
                [row - _SPREAD / 2],
                xerr=[[gain.mean - gain.low], [gain.high - gain.mean]],
                fmt="D",
                color=SERIES[1],
                capsize=4,
                markersize=6,
                label=f"mean, {gain.confidence:.0%} interval" if row == 0 else None,
            )
    axes.set_yticks(range(len(comparisons)), [c.name for c in comparisons])
    axes.set_ylim(len(comparisons) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(
        "bits per byte less the default's\n(left is better)"
        if is_narrow
        else "bits per byte on held-out text, less the default genome's (left is better)"
    )
    figure.legend(
        loc="outside upper left",
        ncols=1 if is_narrow else 2,
        frameon=False,
        labelcolor=INK,
        fontsize=9 if is_narrow else 10,
    )
    for label_text in axes.get_yticklabels():
        label_text.set_color(INK)
    axes.tick_params(axis="y", color=MUTED, length=0)
    return figure
