"""What one member is, stretch by stretch, in place of a search."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestrator.events import JSON
from orchestrator.run_config.section import Section
from orchestrator.run_types import Count


class StretchConfig(Section):
    """Consecutive intervals of one member with one genome."""

    intervals: Annotated[int, Field(ge=1)]
    genome: dict[str, JSON]
    """Every gene: {architecture: {...}, protocol: {...}}."""
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    """Draws the first stretch's weights, or the new parts of the morph into a later one."""


class ScheduleConfig(Section):
    """What one member is, stretch by stretch, in place of a search; see `masga export`."""

    horizon_tokens: Annotated[Count, Field(ge=1)]
    """Tokens of a whole training: the unit of the genomes' schedules."""
    stretches: tuple[StretchConfig, ...] = Field(min_length=1, strict=False)
    """In their order; a change of architecture carries the weights over."""

    @property
    def intervals(self) -> int:
        """Intervals of all stretches together."""
        return sum(stretch.intervals for stretch in self.stretches)
