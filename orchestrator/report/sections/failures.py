"""Failures: which members, why, and what became of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.report.page import Section, folded, paragraph, table

if TYPE_CHECKING:
    from orchestrator.events import Reported
    from orchestrator.report.subject import Subject
    from orchestrator.story.telling import Story

_MOST_ROWS = 200


def section(subject: Subject) -> Section | None:
    """Return the section; None before the first report."""
    story = subject.story
    if not story.reports:
        return None
    failed = [report for report in story.reports.values() if report.failure is not None]
    remade = sum(report.origin == "remade" for report in story.reports.values())
    parts = []
    if failed:
        share = len(failed) / len(story.reports)
        parts.append(
            paragraph(
                f"{len(failed)} of {len(story.reports):,} intervals failed ({share:.1%}). A member "
                "that fails has no fitness and is replaced from the survivors."
            )
        )
        parts.append(_reasons(failed))
        rows = [
            (r.generation, r.member, r.digest, r.failure, _then(story, r))
            for r in failed[:_MOST_ROWS]
        ]
        listed = table(("generation", "member", "genome", "what happened", "then"), rows)
        left_out = len(failed) - len(rows)
        if left_out:
            listed += paragraph(f"{left_out} more are in the event log.", kind="note")
        parts.append(listed if len(rows) <= 10 else folded("All of them", listed))
    else:
        parts.append(paragraph(f"None: all {len(story.reports):,} intervals ended with a loss."))
    if remade:
        parts.append(
            paragraph(
                f"{remade} states were trained again because their checkpoint could not be read."
            )
        )
    return Section(anchor="failures", heading="Failures", body="".join(parts))


def _reasons(failed: list[Reported]) -> str:
    """Count the failures by what they say, numbers aside."""
    kinds = Counter(
        "".join("#" if c.isdigit() else c for c in r.failure or "").replace("##", "#")
        for r in failed
    )
    if len(failed) < 4 or len(kinds) == len(failed):
        return ""
    return table(("kind", "intervals"), kinds.most_common(12))


def _then(story: Story, report: Reported) -> str:
    following = story.orders.get((report.member, report.generation + 1))
    if following is None:
        return "-"
    if following.decision == "replace":
        return f"replaced by member {following.donor}"
    return {"restart": "restarted", "continue": "went on"}.get(
        following.decision, following.decision
    )
