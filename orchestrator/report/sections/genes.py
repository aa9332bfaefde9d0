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
            "Numbers: each dot is a member (in large populations: bands of the middle 80% and "
            f"50%), the blue line is the median, the thick orange line the {whose}'s lineage; the "
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
    settled = [name for share, name in left if share == 0.0]
    close = [f"{name} ({share:.0%})" for share, name in sorted(left) if 0 < share < 0.5][:5]
    agreed = [
        f"{h.gene.name} = {h.options[int(np.argmax(h.shares[-1]))]}"
        for h in found
        if not isinstance(h, NumericHistory) and max(h.shares[-1], default=0.0) >= 0.999
    ]
    result = []
    if settled:
        result.append(
            f"Settled, the middle half of the members having one value: {', '.join(settled)}."
        )
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
    caption = f"<figcaption><strong>{name}</strong> {_side(history)}</figcaption>"
    return f"<figure>{caption}{picture}</figure>"


def _side(history: History) -> str:
    """Return what stands beside the name: the winner's number, or the colours of the options."""
    if isinstance(history, NumericHistory):
        last = history.leading[-1]
        if math.isnan(last):
            return "not active at the end"
        mean = "mean " if history.gene.is_per_layer else ""
        return f'<span class="leading">{mean}{_number(history, last)}</span>'
    return "<br>" + "".join(
        _key(at, option, is_leading=option == history.leading)
        for at, option in enumerate(history.options)
    )


def _key(at: int, option: str, *, is_leading: bool) -> str:
    """Return an option with its colour; the leader's is bold."""
    name = f"<strong>{html.escape(option)}</strong>" if is_leading else html.escape(option)
    colour = f"var(--series-{at % len(SERIES) + 1})"
    return (
        '<span class="key"><svg width="10" height="10" aria-hidden="true">'
        f'<rect width="10" height="10" style="fill: {colour}"/></svg> {name}</span> '
    )


def _numbers(history: NumericHistory, whose: str) -> str:
    held = [row for row in history.values if row]
    if not held:
        return "active in no member."
    first, last = (_number(history, float(np.median(row))) for row in (held[0], held[-1]))
    end = history.leading[-1]
    winner = "is not active" if math.isnan(end) else f"is {_number(history, end)}"
    return (
        f"median from {first} to {last}; the {whose}'s {winner} "
        f"(searched: {as_gene(history.low)} to {as_gene(history.high)})."
    )


def _number(history: NumericHistory, value: float) -> str:
    """Write a value; whole ones of whole-numbered genes in all their digits."""
    if "integer" in history.gene.domain and value.is_integer():
        return f"{value:,.0f}"
    return as_gene(value)


def _shares(history: SharedHistory) -> str:
    told = ", ".join(
        f"{option} {first:.0%} to {last:.0%}"
        for option, first, last in zip(
            history.options, history.shares[0], history.shares[-1], strict=True
        )
    )
    return f"shares in the first and the last generation: {told}; at the end: {history.leading}."
