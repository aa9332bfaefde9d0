"""Utilities of a model's components by layer, with what is noise told from what is not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np

from orchestrator.report.drawing import INK, MUTED, NARROW, SERIES, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Kind = Literal["embedding", "head", "FFN"]
_COLOURS: dict[Kind, str] = {"embedding": SERIES[4], "head": SERIES[0], "FFN": SERIES[1]}
MOST_COMPONENTS = 120
"""Components that are drawn one by one; of larger models layers are."""
_MOST_NAMED, _MOST_NAMED_NARROW = 45, 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Utility:
    """What one component contributes, nats per token."""

    kind: Kind
    layer: int | None
    """None: the embedding."""
    index: int
    mean: float
    error: float
    """Standard error over sequences."""

    @property
    def is_signal(self) -> bool:
        """Whether it is told from zero: |u| > 2 se."""
        return abs(self.mean) > 2 * self.error

    @property
    def name(self) -> str:
        """Name the component."""
        if self.layer is None:
            return "embedding"
        return f"layer {self.layer} {self.kind}" + (f" {self.index}" if self.kind == "head" else "")


def draw(utilities: tuple[Utility, ...], width: float) -> Figure:
    """Draw every component with a bar of two standard errors; hollow: not told from zero."""
    is_narrow = width <= NARROW
    figure, axes = new_figure(width=width, height=3.9)
    if len(utilities) > MOST_COMPONENTS:
        _by_layer(axes, utilities)
    else:
        _one_by_one(axes, utilities, is_narrow=is_narrow)
    axes.set_ylabel("utility (nats per token)")
    lowest = min(u.mean - 2 * u.error for u in utilities)
    axes.set_ylim(bottom=min(lowest, 0.0) - 0.04 * max(abs(u.mean) for u in utilities))
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    handles, labels = axes.get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))
    figure.legend(
        named.values(),
        named.keys(),
        loc="outside upper left",
        ncols=2 if is_narrow else 4,
        frameon=False,
        labelcolor=INK,
        fontsize=9 if is_narrow else 10,
        handletextpad=0.4,
        columnspacing=1.2,
    )
    return figure


def _one_by_one(axes: Axes, utilities: tuple[Utility, ...], *, is_narrow: bool) -> None:
    for at, u in enumerate(utilities):
        colour = _COLOURS[u.kind]
        axes.errorbar(
            at, u.mean, yerr=2 * u.error, fmt="D" if u.kind == "FFN" else "o", color=colour,
            markersize=5 if is_narrow else 7, elinewidth=1.4, capsize=0,
            markerfacecolor=colour if u.is_signal else "none", markeredgewidth=1.4,
        )  # fmt: skip
    for kind, colour in _COLOURS.items():
        if any(u.kind == kind for u in utilities):
            shape = "D" if kind == "FFN" else "o"
            axes.plot([], [], shape, color=colour, label=kind)
    if not all(u.is_signal for u in utilities):
        axes.plot([], [], "o", color=MUTED, markerfacecolor="none", label="within 2 se of zero")
    centres, names, edge = [], [], 0
    for layer, held in groupby(utilities, key=lambda u: u.layer):
        size = len(tuple(held))
        centres.append(edge + (size - 1) / 2)
        names.append(
            ("emb." if is_narrow else "embedding")
            if layer is None
            else f"{layer}"
            if is_narrow
            else f"layer {layer}"
        )
        edge += size
        axes.axvline(edge - 0.5, color=MUTED, linewidth=0.6, alpha=0.6)
    axes.tick_params(axis="x", length=0)
    if len(utilities) <= (_MOST_NAMED_NARROW if is_narrow else _MOST_NAMED):
        axes.set_xticks(range(len(utilities)), [_short(u) for u in utilities], fontsize=9)
        layers = axes.secondary_xaxis(-0.09)
        layers.set_xticks(centres, names)
        layers.spines["bottom"].set_visible(False)
        layers.tick_params(length=0, labelcolor=INK)
        if is_narrow:
            layers.set_xlabel("layer", color=INK)
    else:
        axes.set_xticks(centres, names)
        if is_narrow:
            axes.set_xlabel("layer")
    axes.grid(visible=False, axis="x")
    axes.set_xlim(-0.7, len(utilities) - 0.3)


def _short(utility: Utility) -> str:
    """Name a component inside its layer: h0, h1, ..., F."""
    return {"embedding": "", "head": f"h{utility.index}", "FFN": "F"}[utility.kind]


def _by_layer(axes: Axes, utilities: tuple[Utility, ...]) -> None:
    """Draw the heads of each layer as a range with its mean, and the FFN blocks as a line."""
    layers = sorted({u.layer for u in utilities if u.layer is not None})
    heads = [[u.mean for u in utilities if u.layer == at and u.kind == "head"] for at in layers]
    axes.fill_between(
        layers, [min(h) for h in heads], [max(h) for h in heads], color=SERIES[0], alpha=0.25,
        linewidth=0, label="range over heads",
    )  # fmt: skip
    axes.plot(layers, [np.mean(h) for h in heads], color=SERIES[0], label="mean over heads")
    blocks = [u for u in utilities if u.kind == "FFN"]
    axes.errorbar(
        [u.layer or 0 for u in blocks], [u.mean for u in blocks],
        yerr=[2 * u.error for u in blocks], color=SERIES[1], marker="D", markersize=4, label="FFN",
    )  # fmt: skip
    axes.set_xlabel("layer")
