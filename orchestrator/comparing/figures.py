"""Figures of a comparison: each a function of the comparison and of a width in inches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.comparing.curves import is_of_many_sizes
from orchestrator.report.drawing import INK, MUTED, SERIES, counted, literal, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orchestrator.comparing.comparison import Comparison

MOST_GENES = 12
_STYLES = ("-", "--", ":", "-.")
_NARROW = 6.0


def style(at: int) -> tuple[str, str]:
    """Return colour and line style of the `at`-th search: eight colours, then other lines."""
    return SERIES[at % len(SERIES)], _STYLES[at // len(SERIES) % len(_STYLES)]


def loss_by_tokens(comparison: Comparison, width: float) -> Figure:
    """Draw the best loss as a line and the quartiles of the members as a band."""
    figure, axes = new_figure(width=width, height=4.4)
    for at, p in enumerate(comparison.populations):
        if not p.curve:
            continue
        colour, line = style(at)
        tokens = [point.tokens for point in p.curve]
        axes.fill_between(
            tokens,
            [point.lower_quartile for point in p.curve],
            [point.upper_quartile for point in p.curve],
            step="post",
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
        axes.step(
            tokens,
            [point.best for point in p.curve],
            where="post",
            color=colour,
            linestyle=line,
            linewidth=1.8,
            label=literal(p.name),
        )
        axes.plot(tokens[-1:], [p.curve[-1].best], "o", color=colour, markersize=5)
    if comparison.common_tokens is not None and len(comparison.populations) > 1:
        for end in comparison.common_tokens:
            axes.axvline(end, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
    axes.set_xlabel("tokens trained by the population")
    axes.set_ylabel(f"loss, {comparison.unit}")
    if is_of_many_sizes([p.curve for p in comparison.populations]):
        axes.set_xscale("log")
    else:
        counted(axes.xaxis)
    _legend(axes, len(comparison.populations), narrow=width < _NARROW)
    return figure


def diversity(comparison: Comparison, width: float) -> Figure:
    """Draw the mean distance of the genomes by generation."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - half a second

    figure, axes = new_figure(width=width, height=3.4)
    for at, p in enumerate(comparison.populations):
        known = [
            (d.generation, d.mean_distance) for d in p.diversity if d.mean_distance is not None
        ]
        colour, line = style(at)
        axes.plot(
            [generation for generation, _ in known],
            [distance for _, distance in known],
            color=colour,
            linestyle=line,
            marker="o" if len(known) <= 40 else None,
            markersize=4,
            linewidth=1.6,
            label=literal(p.name),
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("generation")
    axes.set_ylabel("mean distance of two genomes")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axes, len(comparison.populations), narrow=width < _NARROW)
    return figure


def importance(comparison: Comparison, width: float) -> Figure:
    """Draw the overall importance of the genes as bars, with what chance gives as a mark."""
    shown = [p for p in comparison.populations if p.importance[0].genes]
    by_gene = [{g.gene: g for g in p.importance[0].genes} for p in shown]
    greatest = {
        name: max(genes[name].share for genes in by_gene if name in genes)
        for genes_of in by_gene
        for name in genes_of
    }
    names = sorted(greatest, key=lambda name: (-greatest[name], name))[:MOST_GENES]
    figure, axes = new_figure(width=width, height=0.9 + len(names) * (0.16 + 0.14 * len(shown)))
    thick = 0.8 / max(1, len(shown))
    for at, (p, genes) in enumerate(zip(shown, by_gene, strict=True)):
        colour, _ = style(comparison.populations.index(p))
        places = [row + (at - (len(shown) - 1) / 2) * thick for row in range(len(names))]
        shares = [100 * genes[name].share if name in genes else 0.0 for name in names]
        axes.barh(places, shares, height=0.9 * thick, color=colour, label=literal(p.name))
        for place, share, name in zip(places, shares, names, strict=True):
            gene = genes.get(name)
            if gene is not None and gene.chance is not None:
                axes.plot([100 * gene.chance], [place], "|", color=INK, markersize=7)
            if gene is not None and gene.stands_out:
                axes.text(share, place, " *", va="center", color=INK)
    axes.set_yticks(range(len(names)), [literal(name) for name in names])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of the importance of all genes, %")
    _legend(axes, len(shown), narrow=width < _NARROW)
    return figure


def pairs(comparison: Comparison, width: float) -> Figure:
    """Draw the differences of winners with their intervals."""
    shown = comparison.pairs[:40]
    figure, axes = new_figure(width=width, height=1.0 + 0.34 * len(shown))
    axes.axvline(0.0, color=MUTED, linewidth=1.0)
    for row, pair in enumerate(shown):
        colour = SERIES[0] if pair.is_clear else MUTED
        if pair.low is not None and pair.high is not None:
            axes.plot([pair.low, pair.high], [row, row], color=colour, linewidth=2.2)
        axes.plot([pair.bits_per_byte], [row], "o", color=colour, markersize=6)
    axes.set_yticks(range(len(shown)), [f"{pair.a} - {pair.b}" for pair in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    between = "\n" if width < _NARROW else " "
    axes.set_xlabel(f"difference in bits per byte;{between}left of 0 the first is better")
    return figure


def _legend(axes: Axes, searches: int, *, narrow: bool) -> None:
    if searches < 2:
        return
    made = axes.legend(
        frameon=False,
        labelcolor=INK,
        loc="lower center" if narrow else "best",
        bbox_to_anchor=(0.5, 1.0) if narrow else None,
        ncols=1 if searches <= 8 or narrow else 2,
    )
    made.set_zorder(3)
