"""What rank 0 tells the other ranks to do with it, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture
    from search_spaces.gpt.protocol import Protocol
    from trainers.data import Split
    from trainers.settings import TrainerSettings
    from trainers.state import MemberState


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Make a member with fresh weights."""

    member: int
    """Number of the member among all that this group has made."""
    architecture: Architecture
    protocol: Protocol
    settings: TrainerSettings
    member_seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revive:
    """Make a member of a state."""

    member: int
    state: MemberState
    """Without data: rank 0 spreads it."""
    settings: TrainerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Train an interval."""

    member: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate:
    """Measure the loss on a split."""

    member: int
    split: Split
    batches: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateDomains:
    """Measure the loss on each source."""

    member: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Seek the best reply to a price."""

    member: int
    price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather:
    """Bring the state together on rank 0."""

    member: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Free members that rank 0 has let go."""

    members: tuple[int, ...]


Command = Create | Revive | Train | Evaluate | EvaluateDomains | Play | Gather | Forget
