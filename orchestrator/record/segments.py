"""Segments of members' lives as runs: genome as parameters, metrics by the lineage's tokens."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from orchestrator.numerals import gene
from orchestrator.record.genes import genes, safe_name
from orchestrator.record.values import LONGEST_TAG, SEGMENT_TAG, Point, RunRecord
from orchestrator.story.lineage import changed_genes
from orchestrator.story.segments import segments
from orchestrator.story.telling import fitness_parts

if TYPE_CHECKING:
    from orchestrator.events import JSON, Assessed, Reported, Scored
    from orchestrator.record.values import Status
    from orchestrator.story.segments import Segment
    from orchestrator.story.telling import Story


def segment_records(
    story: Story, *, began_milliseconds: int, is_running: bool
) -> tuple[RunRecord, ...]:
    """Return a run for each segment, donors before those that adopted their state.

    Args:
        story: What the log tells.
        began_milliseconds: When the search did.
        is_running: Whether its newest segments go on; otherwise it was interrupted or has ended.
    """
    found = segments(story)
    children: dict[str, list[str]] = defaultdict(list)
    for segment in found:
        if segment.donor is not None:
            children[str(segment.donor)].append(str(segment.key))
    by_layer = _genes_by_layer(story)
    began = {point: place for place, point in enumerate(story.orders)}  # as the log tells them
    return tuple(
        RunRecord(
            key=str(segment.key),
            name=str(segment.key) + (" baseline" if segment.decision == "baseline" else ""),
            tags=_tags(story, segment),
            params=genes(segment.genome, by_layer=by_layer),
            points=_points(story, segment),
            donor=None if segment.donor is None else str(segment.donor),
            children=tuple(children[str(segment.key)]),
            started_milliseconds=_started(story, segment, began_milliseconds),
            ended_milliseconds=_ended(segment),
            status=_status(story, segment, is_running=is_running),
        )
        for segment in sorted(found, key=lambda s: began[s.key.member, s.first_generation])
    )


def _genes_by_layer(story: Story) -> frozenset[str]:
    written: list[dict[str, JSON]] = story.started.space.get("genes", []) if story.started else []
    return frozenset(gene["name"] for gene in written if gene.get("per_layer"))


def _tags(story: Story, segment: Segment) -> dict[str, str]:
    run = story.started.run if story.started else {}
    morph = segment.reports[0].morph if segment.reports else None
    order = story.orders[segment.key.member, segment.first_generation]
    before = story.orders.get(order.source) if order.source is not None else None
    changed = () if before is None else changed_genes(before.genome, order.genome)
    tags = {
        SEGMENT_TAG: str(segment.key),
        "member": str(segment.key.member),
        "generation": str(segment.first_generation),
        "decision": segment.decision,
        "policy": str(run.get("selection", {}).get("policy", "")),
        "proposer": segment.proposer or "",
        "genome": segment.digest,
        "donor": "" if segment.donor is None else str(segment.donor),
        "changed": ", ".join(f"{name} {gene(old)} → {gene(new)}" for name, old, new in changed),
        "morph": "; ".join(map(str, (morph or {}).get("moves", ()))),
        "failure": next((r.failure for r in segment.reports if r.failure is not None), ""),
    }
    return {name: value[:LONGEST_TAG] for name, value in tags.items() if value}


def _points(story: Story, segment: Segment) -> tuple[Point, ...]:
    """Return the points that are whole: all but the baseline's wait for their fitness."""
    scores = {score.generation: score for score in segment.scores}
    points: list[Point] = []
    for report in segment.reports:
        score = scores.get(report.generation)
        if score is None and segment.decision != "baseline":
            break
        metrics = _metrics(report, score)
        if report is segment.reports[0]:
            metrics |= _constants(report)
        points.append(
            Point(
                tokens=report.ledger.tokens,
                at_milliseconds=round(report.finished_at * 1000),
                metrics={safe_name(name): value for name, value in metrics.items()},
                generation=report.generation,
            )
        )
    heldout = _heldout(story, segment)
    if heldout is not None and points:
        points.append(
            Point(
                tokens=points[-1].tokens,
                at_milliseconds=points[-1].at_milliseconds,
                metrics={
                    "heldout/bits_per_byte": heldout.bits_per_byte,
                    "heldout/nats_per_token": heldout.nats_per_token,
                },
            )
        )
    return tuple(points)


def _metrics(report: Reported, score: Scored | None) -> dict[str, float]:
    metrics: dict[str, float | None] = {
        "loss": report.nats_per_token,
        "bits_per_byte": report.bits_per_byte,
        "train_loss": report.train_loss,
        "flops": report.ledger.flops,
        "seconds": report.seconds,
    }
    if score is not None:
        metrics["fitness"] = score.fitness
        metrics |= {f"fitness/{name}": value for name, value in fitness_parts(score).items()}
    metrics |= utility_totals(report.utilities)
    if report.game is not None:
        metrics["game/exploitability"] = report.game["exploitability"]
        metrics["game/components_not_paying"] = len(report.game["removed"])
    return {name: float(value) for name, value in metrics.items() if value is not None}


def _constants(report: Reported) -> dict[str, float]:
    """Return what does not change within a segment; recorded once."""
    return {
        "parameters": float(report.parameters),
        "adoption_seconds": report.adoption_seconds,
        "inherited_tokens": float(report.ledger.inherited_tokens),
        **(
            {"morph_probe_loss_change": float(report.morph["probe_loss_change"])}
            if report.morph and report.morph.get("moves")
            else {}
        ),
    }


def utility_totals(utilities: dict[str, JSON] | None) -> dict[str, float]:
    """Return the utilities by kind of component, nats per token: totals, and the weakest head.

    >>> totals = utility_totals({"heads": [[0.5, 0.25]], "ffn": [1.0], "embedding": 2.0})
    >>> totals["utility/heads"], totals["utility/weakest_head"]
    (0.75, 0.25)
    """
    if not utilities:
        return {}
    heads = [value for layer in utilities["heads"] for value in layer]
    totals = {
        "utility/heads": math.fsum(heads),
        "utility/ffn": math.fsum(utilities["ffn"]),
        "utility/embedding": float(utilities["embedding"]),
    }
    return totals | ({"utility/weakest_head": min(heads)} if heads else {})


def _heldout(story: Story, segment: Segment) -> Assessed | None:
    """Return the assessment of the state that the segment ended with."""
    for state in story.assessed.values():
        at_its_end = state.generation == segment.last_generation
        if state.member == segment.key.member and (at_its_end or segment.decision == "baseline"):
            return state
    return None


def _started(story: Story, segment: Segment, began_milliseconds: int) -> int:
    """Return when its state was there: known as soon as it is ordered, and not changed later."""
    first = story.orders[segment.key.member, segment.first_generation]
    before = (first.member, first.generation - 1)
    ended = [
        story.reports[point].finished_at
        for point in (first.source, before)
        if point is not None and point in story.reports
    ]
    return round(max(ended) * 1000) if ended else began_milliseconds


def _ended(segment: Segment) -> int | None:
    return round(segment.reports[-1].finished_at * 1000) if segment.reports else None


def _status(story: Story, segment: Segment, *, is_running: bool) -> Status:
    is_whole = bool(segment.reports) and segment.reports[-1].generation == segment.last_generation
    if is_whole and segment.reports[-1].failure is not None:
        return "FAILED"
    if story.finished is not None or not segment.is_last:
        return "FINISHED"
    return "RUNNING" if is_running else "KILLED"
