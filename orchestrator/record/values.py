"""The values of a record: runs with their points, what is known of them, and what is missing.

A record is a function of the event log alone: made twice it is the same, so a store that holds a
part of it can be completed by writing the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.events import JSON

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
"""As MLflow says it; `KILLED`: interrupted, can be resumed."""

MARK = "generation"
"""The metric that is written last in a point: a generation that has it is recorded whole."""
SEARCH_TAG, SEGMENT_TAG = "masga.search", "masga.segment"
"""Which search a run belongs to, and which of its runs it is; writers find their runs by them."""
LONGEST_TAG = 5000
"""Characters of a tag; older stores take no more."""
PARENT = "search"
"""The parent's `SEGMENT_TAG`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Metrics that were measured together."""

    tokens: int
    """Where they stand on the x axis."""
    at_milliseconds: int
    """Since the epoch."""
    metrics: Mapping[str, float]
    generation: int | None = None
    """Its `MARK`; none: of the end, recorded once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run: the search itself, or a segment of a member's life."""

    key: str
    """Unique within the search, and the value of its `SEGMENT_TAG`."""
    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: tuple[Point, ...]
    """By tokens."""
    donor: str | None = None
    """Key of the segment whose state it adopted."""
    children: tuple[str, ...] = ()
    """Keys of the segments that adopted its state."""
    started_milliseconds: int
    ended_milliseconds: int | None = None
    """None: still running."""
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRecord:
    """One split of the corpus, as an input of the search."""

    name: str
    digest: str
    source: Mapping[str, JSON]
    profile: Mapping[str, JSON]
    context: str
    """What it was used for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRecord:
    """A whole search."""

    search: str
    """Its identity, the value of `SEARCH_TAG`."""
    parent: RunRecord
    segments: tuple[RunRecord, ...]
    """Donors before those that adopted their state."""
    datasets: tuple[DatasetRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a store holds of a run."""

    run_id: str
    tags: Mapping[str, str]
    params: frozenset[str]
    """Names; a value never changes once it is written."""
    metrics: Mapping[str, float]
    """The latest value of each."""
    status: str
    ended_milliseconds: int | None

    @property
    def generation(self) -> int:
        """The newest generation that is recorded whole; -1: none."""
        return int(self.metrics.get(MARK, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a store's run lacks."""

    run_id: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: tuple[Point, ...]
    status: Status | None
    """None: unchanged."""
    ended_milliseconds: int | None


def difference(run: RunRecord, known: Known, *, links: Mapping[str, str]) -> Change | None:
    """Return what is missing of a run; None: nothing.

    Args:
        run: What should be there.
        known: What is there.
        links: Further tags, which name runs by the ids that the store gave them.
    """
    wanted = {**run.tags, **links}
    tags = {name: value for name, value in wanted.items() if known.tags.get(name) != value}
    params = {name: value for name, value in run.params.items() if name not in known.params}
    points = tuple(point for point in run.points if not _is_recorded(point, known))
    ended = run.status == known.status and (
        run.status == "RUNNING" or run.ended_milliseconds == known.ended_milliseconds
    )
    if ended and not (tags or params or points):
        return None
    return Change(
        run_id=known.run_id,
        tags=tags,
        params=params,
        points=points,
        status=None if ended else run.status,
        ended_milliseconds=run.ended_milliseconds,
    )


def applied(change: Change, known: Known) -> Known:
    """Return what a store holds once a change is written."""
    metrics = dict(known.metrics)
    for point in change.points:
        metrics |= marked(point)
    return Known(
        run_id=known.run_id,
        tags={**known.tags, **change.tags},
        params=known.params | frozenset(change.params),
        metrics=metrics,
        status=known.status if change.status is None else change.status,
        ended_milliseconds=(
            known.ended_milliseconds if change.status is None else change.ended_milliseconds
        ),
    )


def marked(point: Point) -> dict[str, float]:
    """Return the metrics of a point in the order of writing, its mark last."""
    if point.generation is None:
        return dict(point.metrics)
    return {**point.metrics, MARK: float(point.generation)}


def _is_recorded(point: Point, known: Known) -> bool:
    if point.generation is not None:
        return point.generation <= known.generation
    return point.metrics.keys() <= known.metrics.keys()
