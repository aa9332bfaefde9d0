"""What is searched, and what no genome may exceed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchestrator.events import JSON
from orchestrator.run_config.section import Section
from orchestrator.run_types import Amount, Bytes, Count


class LimitsConfig(Section):
    """What no genome may exceed; null: no limit."""

    parameters: Annotated[Count, Field(ge=1)] | None = None
    flops_per_token: Annotated[Amount, Field(gt=0)] | None = None
    """Training FLOPs (forward and backward) a token."""
    memory: Annotated[Bytes, Field(ge=1)] | None = None
    """Peak memory of training one member."""


class SpaceConfig(Section):
    """What is searched."""

    name: str = "gpt"
    """`gpt`, `my_space.py:SPACE` or `package.module:SPACE`."""
    genes: dict[str, JSON] = {}  # noqa: RUF012 - pydantic copies it
    """Narrower domains: `{integer: [64, 160], step: 16}`; a single value fixes a gene."""
    limits: LimitsConfig = LimitsConfig()
    first_generation: Literal["uniform", "step_law", "expert"] = "step_law"
    """Where the first genomes are drawn."""
