"""The lineage tree of a story, laid out so that no line crosses another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.numerals import loss
from orchestrator.report.figures.tree import Branch
from orchestrator.report.readings import is_morph
from orchestrator.story.ancestry import ancestors, leader
from orchestrator.story.proposing import living_lineages
from orchestrator.story.segments import segments
from orchestrator.story.telling import leaderboard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.story.segments import Segment, SegmentKey
    from orchestrator.story.telling import Point, Story


def whole_tree(story: Story) -> tuple[Branch, ...]:
    """Return every stretch of every member, also those that have died out."""
    return _laid_out(story, frozenset(p for p in story.orders if p in story.reports))


def tree_of_the_best(story: Story, *, members: int) -> tuple[Branch, ...]:
    """Return the ancestors of the best members of the present population."""
    shown: set[Point] = set()
    points = [(s.member, s.generation) for s in leaderboard(story)[:members]]
    front = leader(story)
    for point in [*points, *([front] if front else [])]:
        shown.update(p for p in ancestors(story, point) if p in story.reports)
    return _laid_out(story, frozenset(shown))


def _laid_out(story: Story, shown: frozenset[Point]) -> tuple[Branch, ...]:
    """Give every segment a row: branches that leave later lie nearer to the line they leave."""
    lives = {
        life.key: life
        for life in segments(story)
        if life.decision != "baseline"
        and any((life.key.member, report.generation) in shown for report in life.reports)
    }
    ends = {key: _end(life, shown) for key, life in lives.items()}
    children: dict[SegmentKey | None, list[Segment]] = {}
    for life in lives.values():
        donor = life.donor if life.donor in lives else None
        children.setdefault(donor, []).append(life)
    rows: dict[SegmentKey, int] = {}
    used = 0
    waiting: list[tuple[Segment, int | None]] = [
        (life, None) for life in reversed(children.get(None, []))
    ]
    while waiting:
        life, row = waiting.pop()
        if row is None:
            row, used = used, used + 1
        rows[life.key] = row
        latest_last = sorted(children.get(life.key, []), key=lambda c: (c.tokens_before, c.key))
        for child in latest_last:
            # the last one goes on in the same row if the line ends where it begins
            is_heir = child is latest_last[-1] and child.tokens_before >= ends[life.key]
            waiting.append((child, row if is_heir else None))
    return _branches(story, list(lives.values()), rows=rows, ends=ends)


def _branches(
    story: Story,
    lives: Sequence[Segment],
    *,
    rows: dict[SegmentKey, int],
    ends: dict[SegmentKey, float],
) -> tuple[Branch, ...]:
    front = leader(story)
    path = frozenset(ancestors(story, front)) if front else frozenset()
    living = living_lineages(story)
    result = []
    for life in lives:
        last = life.reports[-1]
        is_shown_to_its_end = ends[life.key] == float(last.ledger.tokens)
        is_now = life.is_last and last.failure is None and is_shown_to_its_end
        result.append(
            Branch(
                row=rows[life.key],
                begin=max(0.0, float(life.tokens_before)),
                end=ends[life.key],
                parent_row=rows.get(life.donor) if life.donor is not None else None,
                led_until=_until(life, path),
                lives_until=_until(life, living),
                is_morph=is_morph(life.reports[0]),
                is_failed=last.failure is not None and is_shown_to_its_end,
                label=f"member {life.key.member}  {loss(last.nats_per_token)}" if is_now else "",
            )
        )
    return tuple(result)


def _end(life: Segment, shown: frozenset[Point]) -> float:
    """Return the tokens at the end of what is shown of a stretch."""
    end = _until(life, shown)
    assert end is not None
    return end


def _until(life: Segment, points: frozenset[Point]) -> float | None:
    """Return the tokens at the end of the last interval that is one of the points."""
    held = [
        float(report.ledger.tokens)
        for report in life.reports
        if (life.key.member, report.generation) in points
    ]
    return max(held, default=None)
