"""Loss by tokens: of all members, of the best, of the winner's lineage, of the default genome."""

from __future__ import annotations

from functools import partial
from itertools import accumulate
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.numerals import count, loss
from orchestrator.report.figures.curves import Curve, LossCurves, draw
from orchestrator.report.page import Section, bullets, figure_at
from orchestrator.report.readings import (
    bands,
    baseline,
    generations,
    is_morph,
    leading_path,
)
from orchestrator.story.segments import segments
from orchestrator.story.telling import is_baseline

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.events import Reported
    from orchestrator.report.subject import Subject
    from orchestrator.story.telling import Story

LARGEST_DRAWN = 48
"""Members; of larger populations quantiles are drawn."""
MOST_POINTS = 8000


def section(subject: Subject) -> Section | None:
    """Return the section; None before the first loss."""
    story = subject.story
    curves = loss_curves(story)
    if curves is None:
        return None
    best, first = curves.best.loss[-1], curves.best.loss[0]
    told = (
        f"The best loss fell from {loss(first)} nats per token after the first interval to "
        f"{loss(best)} ({curves.best.tokens[-1]:,.0f} tokens along the lineage)."
    )
    findings = [told]
    if curves.baseline.loss:
        behind = curves.baseline.loss[-1] - curves.leader.loss[-1]
        side = "below" if behind > 0 else "above"
        whose = "winner" if curves.leader_is_winner else "leader"
        findings.append(
            f"The {whose} ends {abs(behind):.4f} nats per token {side} the default genome's curve "
            f"({count(curves.baseline.tokens[-1])} tokens). These are losses on the selection "
            "split, on which the winner was chosen; what counts is the held-out result above."
        )
    findings += _above(story, curves.top)
    drawn = figure_at(
        partial(draw, curves),
        description=" ".join(findings[:2]),
        caption=_caption(curves, members=len(story.latest)),
    )
    return Section(anchor="loss", heading="Loss by tokens", body=drawn + bullets(findings))


def loss_curves(story: Story) -> LossCurves | None:
    """Read the figure off the story; None before the first loss."""
    rows = [[r for r in row if r.nats_per_token is not None] for row in generations(story)]
    rows = [row for row in rows if row]
    path = leading_path(story)
    if not rows or not path:
        return None
    lives = segments(story)
    is_small = len(story.latest) <= LARGEST_DRAWN and len(story.reports) <= MOST_POINTS
    children = [
        life.reports[0]
        for life in lives
        if life.decision == "replace"
        and life.reports
        and life.reports[0].nats_per_token is not None
    ]
    best = list(accumulate((min(r.nats_per_token or 0.0 for r in row) for row in rows), min))
    tokens = [median(r.ledger.tokens for r in row) for row in rows]
    leading, default = _curve(path), _curve(baseline(story))
    return LossCurves(
        members=_stretches(story) if is_small else (),
        spread=None
        if is_small
        else bands(tokens, [[r.nats_per_token or 0.0 for r in row] for row in rows]),
        leader=leading,
        leader_is_winner=story.finished is not None,
        best=Curve(tokens=tuple(tokens), loss=tuple(best)),
        baseline=default,
        exploits=_curve(r for r in children if is_small and not is_morph(r)),
        morphs=_curve(r for r in children if is_small and is_morph(r)),
        counts=None if is_small else _counts(story),
        bits_per_byte_per_nat=_factor(path),
        top=_top(rows, leading, default),
    )


def _stretches(story: Story) -> tuple[Curve, ...]:
    """Return a line for each segment, from the state it grew out of."""
    result = []
    for life in segments(story):
        order = story.orders[life.key.member, life.first_generation]
        if order.decision == "baseline":
            continue
        before = story.reports.get(order.source) if order.source is not None else None
        result.append(_curve([*([] if before is None else [before]), *life.reports]))
    return tuple(curve for curve in result if len(curve.loss) > 1)


def _curve(reports: Iterable[Reported]) -> Curve:
    held = [r for r in reports if r.nats_per_token is not None]
    return Curve(
        tokens=tuple(float(r.ledger.tokens) for r in held),
        loss=tuple(r.nats_per_token or 0.0 for r in held),
    )


def _counts(story: Story) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    rows = [row for row in generations(story) if any(r.nats_per_token is not None for r in row)]
    replaced = {p for p, order in story.orders.items() if order.decision == "replace"}
    return (
        tuple(sum((r.member, r.generation) in replaced for r in row) for row in rows),
        tuple(sum(is_morph(r) for r in row) for row in rows),
        tuple(sum(r.failure is not None for r in row) for row in rows),
    )


def _factor(path: Sequence[Reported]) -> float:
    """Return bits per byte of a nat per token on the selection split; 0: not known."""
    last = path[-1]
    return (last.bits_per_byte or 0.0) / last.nats_per_token if last.nats_per_token else 0.0


def _top(rows: Sequence[Sequence[Reported]], *curves: Curve) -> float:
    """Return a loss above all that matters, so that one bad member does not flatten the rest."""
    first = [r.nats_per_token or 0.0 for r in rows[0]]
    matter = [*(loss for curve in curves for loss in curve.loss), float(np.quantile(first, 0.75))]
    lowest = min(r.nats_per_token or 0.0 for row in rows for r in row)
    return max(matter) + 0.06 * (max(matter) - lowest + 1e-6)


def _above(story: Story, top: float) -> list[str]:
    losses = [
        r.nats_per_token
        for point, r in story.reports.items()
        if r.nats_per_token is not None and r.nats_per_token > top and not is_baseline(story, point)
    ]
    if not losses:
        return []
    told = (
        f"{len(losses)} interval{'' if len(losses) == 1 else 's'} ended with a loss above the "
        f"picture's upper edge, the highest with {max(losses):.4g}."
    )
    return [told]


def _caption(curves: LossCurves, *, members: int) -> str:
    if curves.spread is None:
        shown = (
            "A grey line is a stretch of a member's life with one genome; where one begins at the "
            "end of another, a member has adopted that one's state (exploit)."
        )
    else:
        shown = f"Bands hold the middle 80% and 50% of {members:,} members."
    return (
        "Loss on the selection split by tokens trained along the lineage, inherited ones "
        "included. "
        f"{shown}"
    )
