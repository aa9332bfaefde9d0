"""The phase portrait of a game of three roles: the replicator flow on the simplex."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.allocation import flow_from, flow_lines
from orchestrator.analysis.roles import ROLES
from orchestrator.report.drawing import GRID, INK, MUTED, SERIES, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from orchestrator.analysis.allocation import Allocation

_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
_MARKERS = {"sink": "o", "source": "o", "saddle": "D", "undetermined": "s"}


def phase_portrait(found: Allocation) -> Figure:
    """Draw the flow, the rest points by stability, the present shares and where they go."""
    figure, axes = new_figure(width=6.6, height=5.6)
    axes.set_axis_off()
    axes.set_aspect("equal")
    payoffs = found.estimate.payoff.as_matrix()
    outline = np.vstack([_CORNERS, _CORNERS[:1]])
    axes.plot(*outline.T, color=MUTED, linewidth=1.0)
    for share in (0.25, 0.5, 0.75):
        _grid_lines(axes, share)
    for line in flow_lines(payoffs):
        _arrowed(axes, on_plane(line))
    way = on_plane(flow_from(payoffs, found.shares))
    axes.plot(*way.T, color=SERIES[1], linewidth=2.0, label="from the present shares")
    for point in found.rest_points:
        x, y = on_plane(point.state)
        filled = INK if point.stability == "sink" else "none"
        axes.plot(
            x, y, _MARKERS[point.stability], markersize=8, markeredgecolor=INK,
            markerfacecolor=filled, clip_on=False, zorder=4,
        )  # fmt: skip
    axes.plot(*on_plane(found.shares), "*", markersize=15, color=SERIES[1], zorder=5)
    for role, corner, offset in zip(ROLES, _CORNERS, ((-4, -16), (4, -16), (0, 10)), strict=True):
        axes.annotate(
            role, corner, textcoords="offset points", xytext=offset, color=INK,
            ha="center", fontsize=11,
        )  # fmt: skip
    _legend(axes)
    axes.set_xlim(-0.08, 1.08)
    axes.set_ylim(-0.1, 0.98)
    return figure


def on_plane(
    states: NDArray[np.float64],  # (..., 3), on the simplex
) -> NDArray[np.float64]:  # (..., 2)
    """Return states as points of an equilateral triangle.

    >>> on_plane(np.array([0.0, 1.0, 0.0])).tolist()
    [1.0, 0.0]
    """
    points: NDArray[np.float64] = states @ _CORNERS
    return points


def _grid_lines(axes: Axes, share: float) -> None:
    for role in range(3):
        ends = np.zeros((2, 3))
        ends[:, role] = share
        ends[0, (role + 1) % 3] = ends[1, (role + 2) % 3] = 1 - share
        axes.plot(*on_plane(ends).T, color=GRID, linewidth=0.6, zorder=0)


def _arrowed(axes: Axes, line: NDArray[np.float64]) -> None:
    axes.plot(*line.T, color=SERIES[0], linewidth=0.9, alpha=0.8)
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    if lengths[-1] < 0.02:
        return
    at = min(int(np.searchsorted(lengths, 0.4 * lengths[-1])), len(line) - 2)
    axes.annotate(
        "", line[at + 1], line[at],
        arrowprops={"arrowstyle": "-|>", "color": SERIES[0], "linewidth": 0.9},
    )  # fmt: skip


def _legend(axes: Axes) -> None:
    """Explain the marks; one of each kind off the picture."""
    for marker, face, label in (
        ("o", INK, "rest point: sink"),
        ("D", "none", "saddle"),
        ("o", "none", "source"),
    ):
        axes.plot(
            [-9.0], [-9.0], marker, markersize=8, markeredgecolor=INK, markerfacecolor=face,
            label=label,
        )  # fmt: skip
    axes.plot([-9.0], [-9.0], "*", markersize=13, color=SERIES[1], label="present shares")
    axes.legend(loc="upper left", frameon=False, labelcolor=INK, fontsize=9)
