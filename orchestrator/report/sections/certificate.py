"""A certificate: whether the win holds when all is trained again from scratch, and how sure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator.certification.telling import (
    ARM_COLUMNS,
    COMPARISON_COLUMNS,
    arm_rows,
    comparison_rows,
    reading,
)
from orchestrator.report.figures.certificate import draw
from orchestrator.report.page import Section, bullets, figure_at, paragraph, table

if TYPE_CHECKING:
    from orchestrator.certification import Certificate
    from orchestrator.report.subject import Subject

ANCHOR, HEADING = "certificate", "Does the win hold?"
_KINDS = {"holds": "good", "does not hold": "bad", "cannot be told": ""}


def section(subject: Subject) -> Section | None:
    """Return what the newest certificate says; none: the search was not certified."""
    if subject.certificate is not None:
        return certified(subject.certificate)
    if subject.certificate_damage is None:
        return None
    told = paragraph(f"A certificate cannot be read. {subject.certificate_damage}", kind="bad")
    return Section(anchor=ANCHOR, heading=HEADING, body=told)


def certified(certificate: Certificate) -> Section:
    """Return the section of a finished certificate."""
    winner = next((c for c in certificate.comparisons if c.name == "winner"), None)
    parts = [
        paragraph(
            certificate.verdict,
            kind="" if winner is None else _KINDS[winner.judgement.outcome],
        ),
        *(
            paragraph(f"{compared.name}: {compared.judgement.sentence}")
            for compared in certificate.comparisons
            if compared is not winner
        ),
    ]
    if certificate.comparisons:
        told = "; ".join(
            f"{c.name} {c.gain.mean:+.4f} ({c.gain.low:+.4f} to {c.gain.high:+.4f})"
            for c in certificate.comparisons
            if c.gain is not None
        )
        parts += [
            figure_at(
                partial(draw, certificate.comparisons),
                description=f"Differences to the default genome, bits per byte: {told}",
                caption="Each arm beside the default genome of the winner's size, trained from "
                "scratch with the same data and seeds",
            ),
            table(
                COMPARISON_COLUMNS,
                comparison_rows(certificate),
                caption="Less the default genome, bits per byte, paired by seed",
            ),
        ]
    parts += [
        table(
            ARM_COLUMNS,
            arm_rows(certificate),
            caption="Trained from scratch, on held-out text",
        ),
        bullets(reading(certificate)),
    ]
    return Section(anchor=ANCHOR, heading=HEADING, body="".join(parts))
