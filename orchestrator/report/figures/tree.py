"""The lineage tree: which genome grew out of which, the leader's path marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.report.drawing import INK, MUTED, NARROW, SERIES, counted, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW_INCHES = 0.21
_AXES_INCHES = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A stretch of a member's life with one genome, as a line."""

    row: int
    """From the top."""
    begin: float
    end: float
    """Tokens along the lineage."""
    parent_row: int | None
    """Where it branches off; None: it began with fresh weights."""
    is_leading: bool
    is_living: bool
    """Whether a member of the present population descends from it."""
    is_morph: bool
    is_failed: bool
    label: str
    """At its end; empty for stretches that have ended."""


def draw(branches: tuple[Branch, ...], width: float) -> Figure:
    """Draw the tree, time to the right; lines do not cross where branches are in tree order."""
    rows = 1 + max(branch.row for branch in branches)
    is_narrow = width <= NARROW
    figure, axes = new_figure(width=width, height=_AXES_INCHES + _ROW_INCHES * max(rows, 3))
    for branch in sorted(branches, key=lambda b: (b.is_leading, b.is_living)):
        colour = SERIES[1] if branch.is_leading else INK if branch.is_living else MUTED
        style = {
            "color": colour,
            "linewidth": 2.8 if branch.is_leading else 1.4 if branch.is_living else 1.0,
            "alpha": 1.0 if branch.is_living or branch.is_leading else 0.5,
            "solid_capstyle": "round",
        }
        axes.plot([branch.begin, branch.end], [branch.row, branch.row], **style)
        if branch.parent_row not in {None, branch.row}:
            axes.plot([branch.begin] * 2, [branch.parent_row, branch.row], **style)
        if branch.is_morph:
            axes.plot(branch.begin, branch.row, "D", color=SERIES[6], markersize=5)
        if branch.is_failed:
            axes.plot(branch.end, branch.row, "X", color=SERIES[3], markersize=7)
        if branch.label:
            axes.annotate(
                branch.label,
                (branch.end, branch.row),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                color=colour,
                fontsize=9,
                fontweight="bold" if branch.is_leading else "normal",
            )
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("tokens trained along the lineage")
    end = max(branch.end for branch in branches)
    axes.set_xlim(-0.01 * end, end * (1.42 if is_narrow else 1.16))
    counted(axes.xaxis)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= end * 1.001])
    for shape, colour, size, name in (
        ("-", SERIES[1], 2.8, "winner's or leader's lineage"),
        ("-", INK, 1.4, "has descendants now"),
        ("D", SERIES[6], 5, "architecture changed"),
        ("X", SERIES[3], 7, "failed"),
    ):
        if shape == "X" and not any(b.is_failed for b in branches):
            continue
        if shape == "-":
            axes.plot([], [], color=colour, linewidth=size, label=name)
        else:
            axes.plot([], [], shape, color=colour, markersize=size, label=name)
    figure.legend(
        loc="outside upper left",
        ncols=2 if is_narrow else 4,
        frameon=False,
        labelcolor=INK,
        fontsize=8.5 if is_narrow else 10,
        handlelength=1.3,
        columnspacing=1.0,
    )
    return figure
