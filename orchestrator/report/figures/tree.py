"""The lineage tree: which genome grew out of which, the leader's path marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.report.drawing import INK, MUTED, NARROW, SERIES, counted, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
    led_until: float | None
    """To here it is the leader's lineage; None: nowhere."""
    lives_until: float | None
    """To here members of the present population descend from it; None: it has died out."""
    is_morph: bool
    is_failed: bool
    label: str
    """At its end; empty for stretches that have ended."""


def draw(branches: tuple[Branch, ...], whose: str, width: float) -> Figure:
    """Draw the tree, time to the right; lines do not cross where branches are in tree order.

    Args:
        branches: With their rows.
        whose: The marked path is this one's: winner or leader.
        width: Inches.
    """
    rows = 1 + max(branch.row for branch in branches)
    is_narrow = width <= NARROW
    figure, axes = new_figure(width=width, height=_AXES_INCHES + _ROW_INCHES * max(rows, 3))
    for branch in branches:
        _line(axes, branch, branch.end, colour=MUTED, thickness=1.0, alpha=0.55)
    for branch in branches:
        _line(axes, branch, branch.lives_until, colour=INK, thickness=1.4)
    for branch in branches:
        _line(axes, branch, branch.led_until, colour=SERIES[1], thickness=2.8)
    for branch in branches:
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
                color=SERIES[1] if branch.led_until == branch.end else INK,
                fontsize=9,
                fontweight="bold" if branch.led_until == branch.end else "normal",
            )
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("tokens trained along the lineage")
    end = max(branch.end for branch in branches)
    axes.set_xlim(-0.01 * end, end * (1.42 if is_narrow else 1.16))
    axes.spines["bottom"].set_bounds(0, end)
    counted(axes.xaxis)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= end * 1.001])
    _legend(figure, axes, branches, whose=whose, is_narrow=is_narrow)
    return figure


def _line(
    axes: Axes,
    branch: Branch,
    end: float | None,
    *,
    colour: str,
    thickness: float,
    alpha: float = 1.0,
) -> None:
    """Draw a branch to some point of it, and the stem that joins it to the line it leaves."""
    if end is None:
        return
    stem = branch.row if branch.parent_row is None else branch.parent_row
    axes.plot(
        [branch.begin, branch.begin, end], [stem, branch.row, branch.row], color=colour,
        linewidth=thickness, alpha=alpha, solid_capstyle="round", solid_joinstyle="round",
    )  # fmt: skip


def _legend(
    figure: Figure, axes: Axes, branches: tuple[Branch, ...], *, whose: str, is_narrow: bool
) -> None:
    for shape, colour, size, name in (
        ("-", SERIES[1], 2.8, f"{whose}'s lineage"),
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
