"""The population as it is now: every member by fitness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.numerals import count, loss
from orchestrator.report.page import Section, folded, paragraph, table
from orchestrator.story.ancestry import leader
from orchestrator.story.telling import leaderboard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.report.subject import Subject
    from orchestrator.story.telling import Standing, Story

_SHOWN, _FOLDED = 12, 200


def section(subject: Subject) -> Section | None:
    """Return the section; None before the first report."""
    story = subject.story
    standings = leaderboard(story)
    if not standings:
        return None
    first = _table(story, standings[:_SHOWN])
    rest = standings[_SHOWN : _SHOWN + _FOLDED]
    parts = [first]
    if rest:
        parts.append(folded(f"The next {len(rest)} members", _table(story, rest)))
    left_out = len(standings) - _SHOWN - len(rest)
    if left_out > 0:
        parts.append(paragraph(f"{left_out:,} more are in the event log.", kind="note"))
    return Section(anchor="population", heading="The population", body="".join(parts))


def _table(story: Story, standings: Sequence[Standing]) -> str:
    front = leader(story)
    return table(
        ("rank", "member", "genome", "parameters", "tokens", "loss", "bits per byte", "fitness"),
        [
            (
                "-" if s.rank is None else s.rank,
                s.member,
                s.digest,
                count(s.parameters),
                count(s.tokens),
                loss(s.nats_per_token),
                loss(s.bits_per_byte),
                "failed" if s.fitness is None else f"{s.fitness:.4f}",
            )
            for s in standings
        ],
        caption="By fitness (nats, higher is better); loss: nats per token on the selection split",
        marked=[at for at, s in enumerate(standings) if (s.member, s.generation) == front],
    )
