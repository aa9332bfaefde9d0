"""Limits: what a member may cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from search_spaces.errors import SpaceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest costs a genome may have; None: no limit."""

    max_parameters: int | None = None
    max_flops_per_token: float | None = None
    """Training FLOPs (forward and backward) a token at the full context length."""
    max_memory_bytes: int | None = None
    """Peak bytes of one training step (see `search_spaces.gpt.cost.training_memory_bytes`)."""
    bytes_per_weight: int = 4
    """4 for float32, 2 for bfloat16; counts for memory only."""
    micro_batch_tokens: int | None = None
    """Tokens that go through the model at once; counts for memory only."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not value > 0:
                raise SpaceError(
                    f"limit {name!r} is greater than 0",
                    f"got {value!r}",
                    "Raise it, or leave it out for no limit.",
                )

    def to_json(self) -> dict[str, object]:
        """Return the limits that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}
