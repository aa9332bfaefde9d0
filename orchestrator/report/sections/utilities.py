"""Utilities of the winner's heads, FFN blocks and embedding, as measured while it trained."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator.numerals import count
from orchestrator.report.figures.utilities import Utility, draw
from orchestrator.report.page import Section, figure_at, folded, paragraph, table
from orchestrator.report.readings import leading_path

if TYPE_CHECKING:
    from orchestrator.events import JSON
    from orchestrator.report.subject import Subject


def section(subject: Subject) -> Section | None:
    """Return the section; None where the leader's lineage was never measured."""
    measured = [report for report in leading_path(subject.story) if report.utilities]
    if not measured:
        return None
    last = measured[-1]
    utilities = components(last.utilities or {})
    signals = [u for u in utilities if u.is_signal]
    whose = "winner" if subject.story.finished is not None else "leader"
    counted = f"{len(signals)} of {len(utilities)} components"
    told = f"{counted} have a utility of more than 2 standard errors"
    if signals:
        highest, lowest = max(signals, key=_mean), min(signals, key=_mean)
        told += (
            f"; the highest is {highest.name} ({highest.mean:.2g} nats per token), the lowest "
            f"{lowest.name} ({lowest.mean:.2g})"
        )
    noise = [u.name for u in utilities if not u.is_signal]
    if noise:
        told += f". Not told from noise: {', '.join(noise[:8])}" + (
            f" and {len(noise) - 8} more" if len(noise) > 8 else ""
        )
    rows = [
        (u.name, f"{u.mean:.5f}", f"{u.error:.5f}", "yes" if u.is_signal else "no")
        for u in utilities
    ]
    body = (
        paragraph(f"{told}.")
        + figure_at(
            partial(draw, utilities),
            description=f"Utilities of the {whose}'s components by layer: {told}.",
            caption=(
                f"Utilities of the {whose}'s components after {count(last.ledger.tokens)} tokens; "
                "bars are two standard errors over sequences."
            ),
        )
        + paragraph(
            "A utility is the first-order change of a sequence's loss when the component is gated "
            "off (Michel et al. 2019), its size averaged over sequences: a cheap proxy that cannot "
            "be negative. It ranks components; what removing one costs is measured by leaving it "
            "out.",
            kind="note",
        )
        + folded(
            "Utilities as a table",
            table(("component", "utility (nats per token)", "standard error", "> 2 se"), rows),
        )
    )
    return Section(anchor="utilities", heading=f"What the {whose}'s parts contribute", body=body)


def components(written: dict[str, JSON]) -> tuple[Utility, ...]:
    """Decode a report's utilities: the embedding, then each layer's heads and its FFN block."""
    result = []
    if written.get("embedding") is not None:
        result.append(
            Utility(
                kind="embedding",
                layer=None,
                index=0,
                mean=float(written["embedding"]),
                error=float(written["embedding_se"]),
            )
        )
    layers = zip(
        written["heads"], written["heads_se"], written["ffn"], written["ffn_se"], strict=True
    )
    for layer, (heads, errors, block, block_error) in enumerate(layers):
        result += [
            Utility(kind="head", layer=layer, index=at, mean=float(mean), error=float(error))
            for at, (mean, error) in enumerate(zip(heads, errors, strict=True))
        ]
        result.append(
            Utility(kind="FFN", layer=layer, index=0, mean=float(block), error=float(block_error))
        )
    return tuple(result)


def _mean(utility: Utility) -> float:
    return utility.mean
