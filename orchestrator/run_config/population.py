"""Who trains, for how long, and when it ends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchestrator.run_config.section import Section
from orchestrator.run_types import Amount, Count, Share


class PopulationConfig(Section):
    """Who trains, and how long between two decisions."""

    members: Annotated[int, Field(ge=1)] = 8
    interval_tokens: Annotated[Count, Field(ge=1)] = 32_768
    mode: Literal["synchronous", "asynchronous"] = "synchronous"


class BudgetConfig(Section):
    """What the whole search may spend: tokens, or FLOPs."""

    tokens: Annotated[Count, Field(ge=1)] | None = None
    flops: Annotated[Amount, Field(gt=0)] | None = None


class StopConfig(Section):
    """Reasons to end before the budget; null: none."""

    target_loss: Annotated[float, Field(gt=0)] | None = None
    """Nats per token on the selection split."""
    stagnation_generations: Annotated[int, Field(ge=1)] | None = None
    """Generations without a better loss."""


class FreezeConfig(Section):
    """When each half of a genome may change, as shares of the budget."""

    architecture_after: Share = 0.5
    """Architecture genes no longer change after this share; 1: never frozen."""
    protocol_before: Share = 0.0
    """Protocol genes do not change before this share."""
