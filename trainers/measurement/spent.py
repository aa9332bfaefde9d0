"""What a measurement has spent, counted as it runs: it is charged like training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Work of a measurement. A block is the attention or the feed-forward of one layer."""

    coalitions: int = 0
    """Coalitions that were evaluated, each on all batches."""
    block_evaluations: int = 0
    """Blocks evaluated on one batch."""
    plain_block_evaluations: int = 0
    """Those of one whole forward pass a coalition and batch."""
    flops: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            coalitions=self.coalitions + other.coalitions,
            block_evaluations=self.block_evaluations + other.block_evaluations,
            plain_block_evaluations=self.plain_block_evaluations + other.plain_block_evaluations,
            flops=self.flops + other.flops,
        )

    @property
    def times_fewer(self) -> float:
        """How many times fewer blocks were evaluated than by whole forward passes."""
        return self.plain_block_evaluations / max(self.block_evaluations, 1)
