"""What a member's interval came to, as the appraisal tells the population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.fitness import Fitness


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What an interval came to."""

    fitness: Fitness | None
    """None: it failed."""
    price: float
    """mu at which it was scored, nats per token for one GFLOP per training token."""
    gflops: float
    """GFLOPs of a training token that the fitness was charged for."""
    architecture_gflops: float
    """GFLOPs of a training token of the architecture: what was charged, and what the game saved."""
    domain_losses: tuple[float, ...] | None = None
    """What members that report later are compared with; see `CurvePoint.domain_losses`."""
