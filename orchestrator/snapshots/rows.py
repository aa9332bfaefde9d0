"""The state of a search as rows of plain values, each written once and told by its place.

Lives share their histories: a child's curve is its donor's and one point more. So points of curves
form a tree, in which each names the one before it, and so do the protocols that a life gave up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.events import Ledger, Ordered, Reported  # noqa: TC001 - for `maker`
from orchestrator.record_schema import maker
from orchestrator.snapshots.kept import Progress  # noqa: TC001 - for `maker`

NOTHING = -1
"""In place of a row: there is none before this one."""

PointRow = tuple[int, int, tuple[float, ...], float, float, float, float, tuple[float, ...] | None]
"""The row before it on the curve, and the fields of a `CurvePoint` in their order."""
PastRow = tuple[int, int, int]
"""The row before it; tokens at which a protocol was given up, and the protocol's row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeRow:
    """A `Life`; genome and the newest rows of its curve and of its past protocols."""

    genome: int
    ledger: Ledger
    curve: int
    price: float
    past: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """An `Outcome`."""

    life: int
    report: Reported
    fitness: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """A `MemberRecord`; members are rows in their order."""

    order: Ordered
    running: int | None
    outcome: OutcomeRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A `Train` of the search, without the task before it."""

    member: int
    generation: int
    genome: int
    source: tuple[int, int] | None
    tokens: int
    ledger: Ledger
    seed: int
    price: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRows:
    """A `Kept` state."""

    genomes: tuple[dict[str, Any], ...]
    protocols: tuple[dict[str, Any], ...]
    points: tuple[PointRow, ...]
    pasts: tuple[PastRow, ...]
    lives: tuple[LifeRow, ...]
    members: tuple[MemberRow, ...]
    makers: tuple[TaskRow, ...]
    best_life: int | None
    progress: Progress
    proposers: dict[str, Any]

    def __len__(self) -> int:
        """Return the number of rows that are worth counting."""
        return len(self.genomes) + len(self.points) + len(self.members) + len(self.makers)


made_rows = maker(StateRows)
"""Make rows of their JSON; raises ValueError, which says why."""
