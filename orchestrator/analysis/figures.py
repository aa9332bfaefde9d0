"""The figures of an analysis; the phase portrait is in `portrait`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.roles import ROLES
from orchestrator.report.drawing import INK, MUTED, SERIES, dress, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orchestrator.analysis.history import GenerationShares
    from orchestrator.analysis.sizes import SizedEquilibrium
    from orchestrator.analysis.tables import Row
    from orchestrator.game.empirical import ShareTrend
    from trainers.measurement import PairInteractions

_LARGEST_SQUARE = 150.0
_COMPONENTS_FULLY_NAMED = 40


def utilities_figure(rows: Sequence[Row]) -> Figure:
    """Draw leave-one-out with two standard errors beside the price, most useful first."""
    rows = sorted(rows, key=lambda row: row["leave_one_out"])
    figure, axes = new_figure(height=max(2.2, 0.24 * len(rows) + 0.9))
    places = np.arange(len(rows))
    for at, role in enumerate(ROLES):
        mine = [i for i, row in enumerate(rows) if row["role"] == role]
        if mine:
            axes.errorbar(
                [rows[i]["leave_one_out"] for i in mine], mine,
                xerr=[2 * rows[i]["leave_one_out_se"] for i in mine],
                fmt="o", color=SERIES[at], markersize=5, capsize=2, linewidth=1.2, label=role,
            )  # fmt: skip
    axes.plot([row["cost"] for row in rows], places, "|", color=INK, markersize=9, label="cost")
    axes.set_yticks(places, [row["component"] for row in rows], fontsize=8)
    usual = float(np.median([row["leave_one_out_se"] for row in rows]))
    axes.set_xscale("symlog", linthresh=max(usual, 1e-5))
    axes.margins(x=0.06)
    axes.axvline(0.0, color=MUTED, linewidth=0.8)
    axes.set_xlabel("rise of the loss without it, nats per token (± 2 standard errors)")
    axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    return figure


def values_figure(rows: Sequence[Row]) -> Figure:
    """Draw the Shapley, Owen and integrated-gradient values of the players side by side."""
    players = [row for row in rows if row["shapley"] is not None]
    figure, axes = new_figure(height=3.6)
    places = np.arange(len(players))
    shapley = [row["shapley"] for row in players]
    axes.bar(places, shapley, width=0.62, color=SERIES[0], alpha=0.55, label="Shapley")
    axes.errorbar(
        places, shapley, yerr=[row["shapley_half_width"] for row in players],
        fmt="none", ecolor=INK, linewidth=1.0, capsize=2,
    )  # fmt: skip
    axes.plot(
        places, [row["integrated_gradient"] for row in players], "D", color=SERIES[1],
        markersize=5, label="integrated gradient",
    )  # fmt: skip
    if players[0]["owen"] is not None:
        axes.plot(
            places, [row["owen"] for row in players], "_", color=SERIES[2],
            markersize=12, markeredgewidth=2, label="Owen",
        )  # fmt: skip
    if len(players) <= _COMPONENTS_FULLY_NAMED:
        names = [row["component"] for row in players]
        axes.set_xticks(places, names, rotation=90, fontsize=8)
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    axes.set_ylabel("nats per token")
    axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    return figure


def pairs_figure(measured: PairInteractions) -> Figure:
    """Draw the map of pairs: the area of a square is the root of the interaction's strength."""
    place = {component: at for at, component in enumerate(measured.components)}
    count = len(place)
    size = min(7.2, 0.27 * count + 1.9)
    figure, axes = new_figure(width=size + 1.0, height=size)
    firsts = np.array([place[first] for first, _ in measured.pairs])
    seconds = np.array([place[second] for _, second in measured.pairs])
    xs, ys = np.concatenate([seconds, firsts]), np.concatenate([firsts, seconds])
    values = np.tile(measured.values, 2)
    clear = np.abs(values) > 2 * np.tile(measured.standard_error, 2)
    strongest = max(float(np.abs(values).max()), 1e-300)
    area = _LARGEST_SQUARE * np.sqrt(np.abs(values) / strongest)
    area *= min(1.0, (22.0 / count) ** 2)
    for sign, colour, label in (
        (values < 0, SERIES[1], "substitutes"),
        (values >= 0, SERIES[0], "complements"),
    ):
        for sure, alpha in ((clear, 1.0), (~clear, 0.35)):
            chosen = np.flatnonzero(sign & sure)
            axes.scatter(
                xs[chosen], ys[chosen], s=area[chosen], marker="s",
                color=colour, alpha=alpha, linewidths=0,
            )  # fmt: skip
        axes.scatter([], [], s=50, marker="s", color=colour, label=label)
    names = [str(component) for component in measured.components]
    axes.set_xticks(range(count), names, rotation=90, fontsize=8)
    axes.set_yticks(range(count), names, fontsize=8)
    axes.set_xlim(-0.7, count - 0.3)
    axes.set_ylim(count - 0.3, -0.7)
    axes.set_aspect("equal")
    figure.legend(loc="outside upper center", frameon=False, labelcolor=INK, fontsize=9, ncols=2)
    return figure


def generations_figure(history: Sequence[GenerationShares]) -> Figure:
    """Draw shares with their equilibria, and utilities, over the generations."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second

    has_utilities = any(told.utilities is not None for told in history)
    figure = Figure(figsize=(7.2, 5.4 if has_utilities else 3.2), layout="constrained")
    figure.patch.set_alpha(0.0)
    panels = figure.subplots(2 if has_utilities else 1, 1, sharex=True, squeeze=False)[:, 0]
    for panel in panels:
        dress(panel)
    _shares_panel(panels[0], history)
    if has_utilities:
        for at, role in enumerate(ROLES):
            told = [h for h in history if h.utilities is not None]
            panels[1].plot(
                [h.generation for h in told],
                [h.utilities[at] for h in told if h.utilities is not None],
                color=SERIES[at], marker="o", markersize=4, label=role,
            )  # fmt: skip
        panels[1].set_yscale("log")
        panels[1].tick_params(which="both", colors=MUTED, labelcolor=INK)
        panels[1].set_ylabel("utility of one component\n(proxy, nats per token)")
    panels[-1].set_xlabel("generation")
    for panel in panels:
        panel.xaxis.label.set_color(INK)
        panel.yaxis.label.set_color(INK)
    return figure


def _shares_panel(axes: Axes, history: Sequence[GenerationShares]) -> None:
    generations = np.array([told.generation for told in history])
    for at, role in enumerate(ROLES):
        mean = np.array([told.shares[at] for told in history])
        spread = np.array([told.spread[at] for told in history])
        axes.plot(generations, mean, color=SERIES[at], marker="o", markersize=4, label=role)
        axes.fill_between(generations, mean - spread, mean + spread, color=SERIES[at], alpha=0.15)
        fitted = [
            (h.generation, h.equilibrium.state[at]) for h in history if h.equilibrium is not None
        ]
        if fitted:
            axes.plot(*zip(*fitted, strict=True), color=SERIES[at], linestyle="--", linewidth=1.2)
    axes.plot([], [], color=MUTED, linestyle="--", linewidth=1.2, label="equilibrium fitted")
    axes.set_ylim(0.0, 1.0)
    axes.set_ylabel("share of the FLOPs")
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, labelcolor=INK, fontsize=9,
        ncols=4,
    )  # fmt: skip


def sizes_figure(sizes: Sequence[SizedEquilibrium], trend: ShareTrend | None) -> Figure:
    """Draw the equilibrium of each living member's game against its size, with the trend."""
    figure, axes = new_figure(height=3.4)
    parameters = np.array([sized.parameters for sized in sizes], dtype=np.float64)
    for at, role in enumerate(ROLES):
        axes.errorbar(
            parameters, [sized.equilibrium.state[at] for sized in sizes],
            yerr=[2 * sized.equilibrium.standard_errors[at] for sized in sizes],
            fmt="o", color=SERIES[at], markersize=5, capsize=2, label=role,
        )  # fmt: skip
        axes.plot(
            parameters, [sized.shares[at] for sized in sizes], "x", color=SERIES[at], markersize=6
        )
        if trend is not None:
            line = np.geomspace(parameters.min() / 1.1, parameters.max() * 1.1, 30)
            height = trend.intercepts[at] + trend.slopes[at] * (np.log10(line) - trend.centre)
            axes.plot(line, height, color=SERIES[at], linestyle="--", linewidth=1.2)
    axes.plot([], [], "x", color=MUTED, label="present share")
    axes.set_xscale("log")
    axes.minorticks_off()
    ticks = np.unique(parameters)
    chosen = ticks if len(ticks) <= 4 else ticks[[0, len(ticks) // 2, -1]]
    axes.set_xticks(chosen, [f"{tick:,.0f}" for tick in chosen])
    axes.set_ylim(-0.05, 1.05)
    axes.set_xlabel("parameters")
    axes.set_ylabel("share of the FLOPs at equilibrium")
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, labelcolor=INK, fontsize=9,
        ncols=4,
    )  # fmt: skip
    return figure
