"""Figures of a fit: log-log with intervals, residuals, IsoFLOP, contour. Needs matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.planning.isoflop import isoflops
from orchestrator.report.drawing import INK, MUTED, SERIES, new_figure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orchestrator.laws.fitting.bootstrap import Bootstrap
    from orchestrator.laws.fitting.fit import Fit
    from orchestrator.laws.planning.plan import Plan
    from orchestrator.laws.table import Data


MOST_LABELS = 8
"""Entries of a legend."""


def draw_all(
    fitted: Fit, drawn: Bootstrap | None, data: Data, plans: list[Plan]
) -> dict[str, Figure]:
    """Draw what applies to the law: name of the figure to figure.

    Raises:
        ImportError: matplotlib is not installed.
    """
    result = {"curve": draw_curve(fitted, drawn, data), "residuals": draw_residuals(fitted, data)}
    if fitted.law.name == "chinchilla":
        result["isoflop"] = draw_isoflop(data)
        if len(fitted.law.parameters) == 5:
            result["contour"] = draw_contour(fitted, data, plans)
    return result


def save(figure: Figure, path: Path) -> None:
    """Write a figure on white, PNG or SVG by the ending; the figure itself stays as it is."""
    figure.patch.set_alpha(1.0)
    figure.savefig(path, dpi=150, facecolor="white")
    figure.patch.set_alpha(0.0)


def _new(title: str, x: str, y: str) -> Figure:
    figure, axes = new_figure()
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, labelcolor=INK, fontsize=8)


def draw_curve(fitted: Fit, drawn: Bootstrap | None, data: Data) -> Figure:
    """Draw values and predictions along the first input, others at the values of the rows."""
    law, x = fitted.law, data.inputs[0]
    figure = _new(law.formula, f"{law.inputs[0].name} ({law.inputs[0].unit})", law.output.name)
    axes = figure.axes[0]
    if law.inputs[0].positive:
        axes.set_xscale("log")
    if law.residual == "log":
        axes.set_yscale("log")
    order = np.argsort(x)
    axes.plot(x, data.target, ".", color=INK, markersize=4, label="runs")
    if len(law.inputs) == 1:
        grid = np.geomspace(x.min(), x.max() * 10, 200) if law.inputs[0].positive else np.sort(x)
        axes.plot(grid, fitted.predict((grid,)), color=SERIES[0], label="law")
        if drawn:
            band = np.nanquantile(law.predict(drawn.theta, (grid,)), [0.025, 0.975], axis=0)
            axes.fill_between(grid, *band, alpha=0.3, color=SERIES[0], label="95 % interval")
    else:
        middle = fitted.predict(data.inputs)
        if drawn:
            low, high = np.nanquantile(
                law.predict(drawn.theta, data.inputs), [0.025, 0.975], axis=0
            )
            axes.errorbar(
                x[order], middle[order], (
                    np.maximum(middle - low, 0)[order], np.maximum(high - middle, 0)[order]
                ), fmt="none", color=SERIES[0], alpha=0.5, label="95 % interval",
            )  # fmt: skip
        axes.plot(x[order], middle[order], "_", color=SERIES[0], label="law")
    _legend(axes)
    return figure


def draw_residuals(fitted: Fit, data: Data) -> Figure:
    """Draw residuals against predictions."""
    label = "log prediction - log value" if fitted.law.residual == "log" else "prediction - value"
    figure = _new("residuals", f"predicted {fitted.law.output.name}", label)
    axes = figure.axes[0]
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    axes.plot(fitted.predict(data.inputs), fitted.residuals, ".", color=INK, markersize=4)
    return figure


def draw_isoflop(data: Data) -> Figure:
    """Draw the parabola of loss in log size for every budget with four or more sizes."""
    size, tokens = data.inputs
    flops = 6.0 * size * tokens
    figure = _new("IsoFLOP", "N (parameters)", "L (nats/token)")
    axes = figure.axes[0]
    axes.set_xscale("log")
    groups = isoflops(size, flops, data.target)
    every = -(-len(groups) // MOST_LABELS)  # a legend that stays within the panel
    for number, group in enumerate(groups):
        colour = SERIES[number % len(SERIES)]
        grid = np.linspace(np.log(size[group.rows]).min(), np.log(size[group.rows]).max(), 60)
        u = grid - group.centre
        curve = group.coefficients[0] + group.coefficients[1] * u + group.coefficients[2] * u * u
        label = f"{group.flops:.1e} FLOPs" if number % every == 0 else None
        axes.plot(np.exp(grid), curve, color=colour, label=label)
        axes.plot(size[group.rows], data.target[group.rows], ".", color=colour)
        axes.axvline(group.best_size, color=colour, linewidth=0.5, linestyle=":")
    _legend(axes)
    return figure


def draw_contour(fitted: Fit, data: Data, plans: list[Plan]) -> Figure:
    """Draw lines of equal predicted loss over FLOPs and size, with the plans' optima."""
    size, tokens = data.inputs
    flops = 6.0 * size * tokens
    farthest = max([flops.max() * 10, *(2 * plan.flops.max() for plan in plans)])
    largest = max([size.max() * 4, *(2 * plan.size.max() for plan in plans)])
    c = np.geomspace(flops.min(), farthest, 120)
    n = np.geomspace(size.min() / 2, largest, 120)
    grid_c, grid_n = np.meshgrid(c, n)
    loss = fitted.predict((grid_n.ravel(), (grid_c / (6 * grid_n)).ravel())).reshape(grid_c.shape)
    levels = np.quantile(loss, np.linspace(0.02, 0.9, 14))
    figure = _new("equal loss", "C (FLOPs)", "N (parameters)")
    axes = figure.axes[0]
    axes.set_xscale("log")
    axes.set_yscale("log")
    lines = axes.contour(grid_c, grid_n, loss, levels=np.unique(levels), colors=MUTED)
    axes.clabel(lines, fmt="%.2f", fontsize=7, colors=INK)
    axes.plot(flops, size, ".", color=INK, markersize=3, label="runs")
    for colour, plan in zip(SERIES, plans, strict=False):
        axes.plot(plan.flops, plan.size, "x", color=colour, label=f"optimal ({plan.method})")
    _legend(axes)
    return figure
