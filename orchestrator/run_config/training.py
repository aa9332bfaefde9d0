"""How members train and are measured."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchestrator.run_config.section import Section
from orchestrator.run_types import Count


class TrainingConfig(Section):
    """How members train and are measured."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: Literal["auto", True, False] = "auto"
    utility_every: Annotated[int, Field(ge=0)] = 8
    """Steps between two measurements of the components' utilities; 0: never."""
    evaluation_sequences: Annotated[int, Field(ge=1)] = 16
    """Sequences in an evaluation batch."""
    evaluation_batches: Annotated[int, Field(ge=2)] = 8
    """Batches that selection judges members by."""
    heldout_batches: Annotated[int, Field(ge=2)] = 32
    """Batches that the winner and the baseline are compared on at the end."""
    micro_batch_tokens: Annotated[Count, Field(ge=1)] | None = None
    """Most tokens in one forward and backward pass of a process; null: the whole batch."""
    activation_checkpointing: bool = False
    """Keep only what each layer reads and compute the rest again in the backward pass: the same
    losses with a third more computing and a fraction of the memory."""
