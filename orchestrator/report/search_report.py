"""The report of a search: the sections, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.numerals import count
from orchestrator.report.page import page
from orchestrator.report.sections import (
    certificate,
    curves,
    environment,
    failures,
    genes,
    ledger,
    lineage,
    population,
    reproduce,
    summary,
    utilities,
)
from orchestrator.report.subject import latest, progress

if TYPE_CHECKING:
    from orchestrator.report.subject import Subject

SECTIONS = (
    summary,
    certificate,
    curves,
    population,
    lineage,
    genes,
    utilities,
    ledger,
    failures,
    environment,
    reproduce,
)


def search_report(subject: Subject) -> str:
    """Return the page; the same subject gives the same text."""
    made = (part.section(subject) for part in SECTIONS)
    return page(
        title=f"Search {subject.name}",
        subtitle=_subtitle(subject),
        sections=[section for section in made if section is not None],
    )


def _subtitle(subject: Subject) -> str:
    story = subject.story
    closed = len(story.closings)
    parts = [
        f"{len(story.latest):,} members",
        f"{closed} generation{'' if closed == 1 else 's'}",
        f"{count(story.tokens)} tokens",
        progress(subject),
    ]
    if (when := latest(story)) is not None:
        parts.append(f"as of {when}")
    return ", ".join(parts)
