"""The comparison as one page that loads nothing from elsewhere."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator.comparing import figures
from orchestrator.comparing.headlines import headlines
from orchestrator.comparing.sheets import sheets
from orchestrator.numerals import count
from orchestrator.report.page import (
    Section,
    bullets,
    code,
    figure_at,
    folded,
    page,
    paragraph,
    table,
)

if TYPE_CHECKING:
    from orchestrator.comparing.comparison import Comparison
    from orchestrator.comparing.sheets import Sheet

_EVERY = 10**9
_HEADINGS = {
    "searches": "What was searched",
    "significance": "Winners on held-out text",
    "importance": "Gene importance",
}


def as_html(comparison: Comparison, *, command: str) -> str:
    """Return the page.

    Args:
        comparison: What it tells.
        command: Makes it again.
    """
    names = [p.name for p in comparison.populations]
    made = {
        sheet.anchor: sheet
        for sheet in sheets(
            comparison, most_columns=_EVERY, most_rows=_EVERY, room_for_winners=_EVERY
        )
    }
    pictures = _pictures(comparison)
    sections = [Section(anchor="summary", heading="In short", body=_summary(comparison))]
    for anchor, sheet in made.items():
        sections.append(
            Section(
                anchor=anchor,
                heading=_HEADINGS.get(anchor, sheet.title),
                body=pictures.get(anchor, "") + _body(sheet, fold=anchor in pictures),
            )
        )
    again = code(command) + paragraph("Every number of this page as JSON: add --json.", kind="note")
    sections.append(Section(anchor="again", heading="Make it again", body=again))
    title = ", ".join(names) if len(names) <= 3 else f"{len(names)} searches"
    return page(
        title=f"Comparison of {title}" if len(names) > 1 else f"Population of {title}",
        subtitle=f"{sum(p.setup.members for p in comparison.populations)} members, "
        f"{count(sum(p.spending.tokens for p in comparison.populations))} tokens in all; "
        f"losses in {comparison.unit}",
        sections=sections,
    )


def _summary(comparison: Comparison) -> str:
    body = bullets(headlines(comparison))
    return body + "".join(paragraph(note, kind="notice") for note in comparison.notes)


def _body(sheet: Sheet, *, fold: bool) -> str:
    told = "".join(paragraph(remark, kind="note") for remark in sheet.remarks)
    if not sheet.rows:
        return told
    numbers = table(sheet.columns, sheet.rows) + told
    return folded("Numbers", numbers) if fold and len(sheet.rows) > 12 else numbers


def _pictures(comparison: Comparison) -> dict[str, str]:
    """Return the figures by the sheet that they stand in."""
    populations = comparison.populations
    made: dict[str, str] = {}
    if any(p.curve for p in populations):
        ends = "; ".join(
            f"{p.name} falls from {p.curve[0].best:.3f} at {count(p.curve[0].tokens)} tokens to "
            f"{p.curve[-1].best:.3f} at {count(p.curve[-1].tokens)}"
            for p in populations
            if p.curve
        )
        made["loss-by-tokens"] = figure_at(
            partial(figures.loss_by_tokens, comparison),
            description=f"Best loss by tokens, {comparison.unit}: {ends}.",
            caption="Lines: lowest loss of a living member. Bands: middle half of the members. "
            "Dotted: the tokens that all searches have in common.",
        )
    if any(d.mean_distance is not None for p in populations for d in p.diversity):
        ends = "; ".join(
            f"{p.name} from {p.diversity[0].mean_distance or 0:.2f} to "
            f"{p.diversity[-1].mean_distance or 0:.2f}"
            for p in populations
        )
        made["diversity"] = figure_at(
            partial(figures.diversity, comparison),
            description=f"Mean distance of two members' genomes by generation: {ends}.",
            caption="0: all genomes are equal. 1: every gene at the other end of its domain.",
        )
    if any(p.importance[0].genes for p in populations):
        first = "; ".join(
            f"{p.name}: {', '.join(g.gene for g in p.importance[0].genes[:3])}"
            for p in populations
            if p.importance[0].genes
        )
        made["importance"] = figure_at(
            partial(figures.importance, comparison),
            description=f"Gene importance over the whole budget, the greatest first. {first}.",
            caption="Bars: share of the importance of all genes over the whole budget. Upright "
            "marks: the mean share with shuffled standings. *: more than by chance, p <= 0.05.",
        )
    if comparison.pairs:
        made["significance"] = figure_at(
            partial(figures.pairs, comparison),
            description="Differences of winners in bits per byte: "
            + "; ".join(f"{p.a} - {p.b} {p.bits_per_byte:+.4f}" for p in comparison.pairs[:40])
            + ".",
            caption="Points: mean over the held-out batches. Lines: 95 % intervals of a paired "
            "bootstrap. Coloured: significant at 5 % after Holm's correction.",
        )
    return made
