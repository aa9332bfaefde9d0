"""Figures of a fit: log-log with intervals, residuals, IsoFLOP, contour. Needs matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.planning.isoflop import isoflops

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from orchestrator.laws.fitting.bootstrap import Bootstrap
    from orchestrator.laws.fitting.fit import Fit
    from orchestrator.laws.planning.plan import Plan
    from orchestrator.laws.table import Data


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
    """Write a figure, PNG or SVG by the ending."""
    figure.savefig(path, dpi=150)


def _new(title: str, x: str, y: str) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, loaded on use

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure


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
    axes.plot(x, data.target, ".", color="black", markersize=4, label="runs")
    if len(law.inputs) == 1:
        grid = np.geomspace(x.min(), x.max() * 10, 200) if law.inputs[0].positive else np.sort(x)
        axes.plot(grid, fitted.predict((grid,)), color="tab:blue", label="law")
        if drawn:
            band = np.nanquantile(law.predict(drawn.theta, (grid,)), [0.025, 0.975], axis=0)
            axes.fill_between(grid, *band, alpha=0.3, color="tab:blue", label="95 % interval")
    else:
        middle = fitted.predict(data.inputs)
        if drawn:
            low, high = np.nanquantile(
                law.predict(drawn.theta, data.inputs), [0.025, 0.975], axis=0
            )
            axes.errorbar(
                x[order], middle[order], (
                    np.maximum(middle - low, 0)[order], np.maximum(high - middle, 0)[order]
                ), fmt="none", color="tab:blue", alpha=0.5, label="95 % interval",
            )  # fmt: skip
        axes.plot(x[order], middle[order], "_", color="tab:blue", label="law")
    axes.legend()
    return figure


def draw_residuals(fitted: Fit, data: Data) -> Figure:
    """Draw residuals against predictions."""
    label = "log prediction - log value" if fitted.law.residual == "log" else "prediction - value"
    figure = _new("residuals", f"predicted {fitted.law.output.name}", label)
    axes = figure.axes[0]
    axes.axhline(0.0, color="grey", linewidth=0.8)
    axes.plot(fitted.predict(data.inputs), fitted.residuals, ".", color="black", markersize=4)
    return figure


def draw_isoflop(data: Data) -> Figure:
    """Draw the parabola of loss in log size for every budget with four or more sizes."""
    size, tokens = data.inputs
    flops = 6.0 * size * tokens
    figure = _new("IsoFLOP", "N (parameters)", "L (nats/token)")
    axes = figure.axes[0]
    axes.set_xscale("log")
    for group in isoflops(size, flops, data.target):
        grid = np.linspace(np.log(size[group.rows]).min(), np.log(size[group.rows]).max(), 60)
        u = grid - group.centre
        curve = group.coefficients[0] + group.coefficients[1] * u + group.coefficients[2] * u * u
        (line,) = axes.plot(np.exp(grid), curve, label=f"{group.flops:.1e} FLOPs")
        axes.plot(size[group.rows], data.target[group.rows], ".", color=line.get_color())
        axes.axvline(group.best_size, color=line.get_color(), linewidth=0.5, linestyle=":")
    if axes.lines:
        axes.legend(fontsize=7)
    return figure


def draw_contour(fitted: Fit, data: Data, plans: list[Plan]) -> Figure:
    """Draw lines of equal predicted loss over FLOPs and size, with the plans' optima."""
    size, tokens = data.inputs
    flops = 6.0 * size * tokens
    c = np.geomspace(flops.min(), flops.max() * 10, 120)
    n = np.geomspace(size.min() / 2, size.max() * 4, 120)
    grid_c, grid_n = np.meshgrid(c, n)
    loss = fitted.predict((grid_n.ravel(), (grid_c / (6 * grid_n)).ravel())).reshape(grid_c.shape)
    levels = np.quantile(loss, np.linspace(0.02, 0.9, 14))
    figure = _new("equal loss", "C (FLOPs)", "N (parameters)")
    axes = figure.axes[0]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.contour(grid_c, grid_n, loss, levels=np.unique(levels), cmap="viridis")
    axes.plot(flops, size, ".", color="black", markersize=3, label="runs")
    for plan in plans:
        axes.plot(plan.flops, plan.size, "x", label=f"optimal ({plan.method})")
    axes.legend(fontsize=7)
    return figure
