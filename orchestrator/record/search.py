"""A search as a parent run with its segments under it, made from its story."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.record.genes import fitting, flattened, safe_name
from orchestrator.record.segments import segment_records
from orchestrator.record.values import (
    LONGEST_TAG,
    PARENT,
    SEGMENT_TAG,
    DatasetRecord,
    Point,
    RunRecord,
    SearchRecord,
)
from orchestrator.story.metrics import final_points, finished_at, generation_points
from orchestrator.story.telling import Story, is_baseline

if TYPE_CHECKING:
    from orchestrator.events import SearchStarted
    from orchestrator.record.values import Status

_CONTEXTS = {
    "train": "training",
    "game": "utilities",
    "selection": "selection",
    "heldout": "held-out test",
}


def search_record(
    story: Story, *, search: str, name: str, directory: str, is_running: bool
) -> SearchRecord:
    """Return what a store should hold of a search that has started.

    Args:
        story: What the log tells.
        search: The search's identity.
        name: Of the parent run.
        directory: Where the search lies, for those who look for its log.
        is_running: Whether a process goes on with it at this moment.
    """
    started = story.started
    assert started is not None
    began = _began_milliseconds(story, started)
    return SearchRecord(
        search=search,
        parent=RunRecord(
            key=PARENT,
            name=name,
            tags=_tags(story, started, directory),
            params=fitting(flattened(started.run)),
            points=(*_generations(story), *_ending(story)),
            started_milliseconds=began,
            ended_milliseconds=_newest_milliseconds(story),
            status=_status(story, is_running=is_running),
        ),
        segments=segment_records(story, began_milliseconds=began, is_running=is_running),
        datasets=_datasets(started),
    )


def _began_milliseconds(story: Story, started: SearchStarted) -> int:
    began = started.environment.get("began_at")
    if began is None:  # a log of version 0.1
        began = min(
            (r.finished_at - r.seconds - r.adoption_seconds for r in story.reports.values()),
            default=0.0,
        )
    return round(float(began) * 1000)


def _newest_milliseconds(story: Story) -> int | None:
    newest = max((r.finished_at for r in story.reports.values()), default=None)
    return None if newest is None else round(newest * 1000)


def _status(story: Story, *, is_running: bool) -> Status:
    if story.finished is not None:
        return "FAILED" if story.finished.reason == "all_failed" else "FINISHED"
    return "RUNNING" if is_running else "KILLED"


def _tags(story: Story, started: SearchStarted, directory: str) -> dict[str, str]:
    run, finished = started.run, story.finished
    proposers = run.get("proposers", ())
    tags = {
        SEGMENT_TAG: PARENT,
        "seed": str(run["seed"]),
        "space": str(started.space.get("name", "")),
        "policy": str(run.get("selection", {}).get("policy", "")),
        "proposers": ", ".join(str(proposer["proposer"]) for proposer in proposers),
        "corpus": str(started.corpus.get("digest", "")),
        "directory": directory,
    }
    if finished is not None:
        tags["ended_by"] = finished.reason
        tags["winner"] = finished.digest or ""
    return {name: value[:LONGEST_TAG] for name, value in tags.items() if value}


def _generations(story: Story) -> tuple[Point, ...]:
    parts = _by_generation(story)
    points: list[Point] = []
    for closing in story.closings:
        part, number = parts[closing.generation], closing.generation
        metrics = generation_points(part, closing)
        points.append(
            Point(
                tokens=closing.tokens,
                at_milliseconds=round(finished_at(part, number) * 1000),
                metrics={safe_name(name): value for name, value in metrics.items()},
                generation=number,
            )
        )
    return tuple(points)


def _by_generation(story: Story) -> dict[int, Story]:
    """Cut the population's part of a story into generations: each can then be read by itself."""
    parts: dict[int, Story] = {}
    for events in (story.orders, story.reports, story.scores):
        for point, event in events.items():
            if not is_baseline(story, point):
                parts.setdefault(point[1], Story()).add(event)
    return parts


def _ending(story: Story) -> tuple[Point, ...]:
    """Return one point for each result of the end: they become known one after the other."""
    at = _newest_milliseconds(story)
    if at is None:
        return ()
    return tuple(
        Point(tokens=story.tokens, at_milliseconds=at, metrics={name: value})
        for name, value in final_points(story).items()
    )


def _datasets(started: SearchStarted) -> tuple[DatasetRecord, ...]:
    """Return the splits of the corpus, each with what it was used for."""
    corpus = started.corpus
    documents = corpus.get("documents", {})
    sources = corpus.get("sources", [])
    names = "+".join(str(s.get("name") or s.get("path") or "text") for s in sources) or "corpus"
    source = {"sources": sources, "seed": started.run["seed"]}
    return tuple(
        DatasetRecord(
            name=f"{names}/{split}"[-500:],
            digest=str(corpus["digest"])[:36],
            source=source,
            profile={
                "documents": documents[split],
                "tokens": corpus.get("tokens", {}).get(split),
                "text_bytes": corpus.get("text_bytes", {}).get(split),
                "vocab_size": corpus.get("vocab_size"),
            },
            context=_CONTEXTS.get(split, split),
        )
        for split in documents
    )
