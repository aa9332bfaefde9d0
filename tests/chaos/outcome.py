"""What came of a chaos test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.injection import Injection


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of it."""

    undisturbed_seconds: float = 0.0
    generation_seconds: float = 0.0
    failed_members: int = 0
    """Members that end in NaN by themselves, in each round."""
    round_seconds: list[float] = field(default_factory=list)
    injections: list[Injection] = field(default_factory=list)
    obstacles: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    """What was lost; nothing is what is asked."""
