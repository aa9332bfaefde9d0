"""What a snapshot keeps of a search, and where snapshots are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orchestrator.events import StopReason  # noqa: TC001 - for `rows.made_rows`
from orchestrator.pricing import Prices  # noqa: TC001

if TYPE_CHECKING:
    from orchestrator.events import JSON
    from orchestrator.population import Life, MemberRecord
    from orchestrator.tasks import Train


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a search has come, in plain values."""

    stopping: StopReason | None
    closed: int
    """The newest closed generation; -1: none."""
    closed_tokens: int | None
    """Tokens that all living members had trained when it closed; none: nobody lived."""
    best_generation: int
    """Since which stagnation is counted."""
    tokens: int
    flops: float
    prices: Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Everything that decides how a search goes on."""

    records: tuple[MemberRecord, ...]
    """The population, by member."""
    makers: tuple[Train, ...]
    """The tasks of all states that may be asked for; those before them are left out."""
    best_life: Life | None
    """The fittest of all closed generations' best."""
    progress: Progress
    proposers: dict[str, JSON]
    """Their memories, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the first events of a log come to."""

    events: int
    """How many."""
    kept: Kept


class Snapshots(Protocol):
    """Keeps snapshots, and finds them again. None of it can end a search."""

    def newest(self, *, most: int) -> Snapshot | None:
        """Return the newest snapshot of at most so many events of this log; none: there is none."""

    def is_due(self, events: int) -> bool:
        """Return whether the state after so many events is worth keeping."""

    def keep(self, snapshot: Snapshot) -> None:
        """Keep the state after so many events of the log."""
