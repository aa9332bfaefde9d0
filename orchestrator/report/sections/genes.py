"""Genes over the generations: what the population tried, and where it went."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.numerals import gene as as_gene
from orchestrator.report.drawing import SERIES, inline_svg
from orchestrator.report.figures.genes import draw
from orchestrator.report.gene_reading import NumericHistory, histories, spread_left
from orchestrator.report.page import Section, heading, paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.report.gene_reading import History, SharedHistory
    from orchestrator.report.subject import Subject


def section(subject: Subject) -> Section | None:
    """Return the section; None where nothing was searched or reported."""
    found = histories(subject.story)
    if not found:
        return None
    whose = "winner" if subject.story.finished is not None else "leader"
    parts = [
        paragraph(
            "Numbers: each dot is a member (in large populations: bands of the middle 80 % and "
            f"50 %), the blue line is the median, the thick orange line the {whose}'s lineage; the "
            "height of a panel is the range that was searched. Choices: shares of the members. "
            "Values per layer are told by their mean."
        ),
        *(paragraph(told) for told in _narrowed(found)),
    ]
    for half in dict.fromkeys(history.gene.half for history in found):
        panels = "".join(_panel(h, whose) for h in found if h.gene.half == half)
        parts += [heading(f"{half.capitalize()} genes"), f'<div class="panels">{panels}</div>']
    return Section(anchor="genes", heading="Genes over the generations", body="".join(parts))


def _narrowed(found: Sequence[History]) -> list[str]:
    """Say which numbers the population agreed on most, and which options took over."""
    left = [
        (share, history.gene.name)
        for history in found
        if isinstance(history, NumericHistory) and (share := spread_left(history)) is not None
    ]
    close = [f"{name} ({share:.0%})" for share, name in sorted(left) if share < 0.5][:5]
    agreed = [
        f"{h.gene.name} = {h.options[int(np.argmax(h.shares[-1]))]}"
        for h in found
        if not isinstance(h, NumericHistory) and max(h.shares[-1], default=0.0) >= 0.999
    ]
    result = []
    if close:
        result.append(
            "Narrowed most, by what is left of the first generation's middle half: "
            + ", ".join(close)
            + "."
        )
    if agreed:
        result.append(f"All members of the last generation have {', '.join(agreed)}.")
    if result:
        result.append(
            "Agreement comes from copying as well as from merit: genes travel with the states that "
            "are adopted."
        )
    return result


def _panel(history: History, whose: str) -> str:
    """Return one gene's figure under its name."""
    told = _numbers(history, whose) if isinstance(history, NumericHistory) else _shares(history)
    picture = inline_svg(draw(history), description=f"{history.gene.name}: {told}")
    name = html.escape(history.gene.name)
    return f"<figure><figcaption><strong>{name}</strong> {_side(history)}</figcaption>{picture}</figure>"


def _side(history: History) -> str:
    """Return what stands beside the name: the winner's number, or the colours of the options."""
    if isinstance(history, NumericHistory):
        last = history.leading[-1]
        if math.isnan(last):
            return "not active at the end"
        mean = "mean " if history.gene.is_per_layer else ""
        return f'<span class="leading">{mean}{html.escape(as_gene(last))}</span>'
    keys = "".join(
        f'<span class="key"><svg width="10" height="10" aria-hidden="true"><rect width="10" '
        f'height="10" style="fill: var(--series-{at % len(SERIES) + 1})"/></svg> '
        f"{f'<strong>{html.escape(option)}</strong>' if option == history.leading else html.escape(option)}"
        "</span> "
        for at, option in enumerate(history.options)
    )
    return f"<br>{keys}"


def _numbers(history: NumericHistory, whose: str) -> str:
    held = [row for row in history.values if row]
    if not held:
        return "active in no member."
    first, last = float(np.median(held[0])), float(np.median(held[-1]))
    end = history.leading[-1]
    winner = "is not active" if math.isnan(end) else f"is {as_gene(end)}"
    return (
        f"median from {as_gene(first)} to {as_gene(last)}; the {whose}'s {winner} "
        f"(searched: {as_gene(history.low)} to {as_gene(history.high)})."
    )


def _shares(history: SharedHistory) -> str:
    told = ", ".join(
        f"{option} {first:.0%} to {last:.0%}"
        for option, first, last in zip(
            history.options, history.shares[0], history.shares[-1], strict=True
        )
    )
    return f"share of members from the first to the last generation: {told}; winner's: {history.leading}."
