"""The state of a member between intervals: what travels in an exploit and rests in a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor  # noqa: TC002 - the annotations are read at run time, too

from search_spaces.gpt.architecture import Architecture  # noqa: TC001 - likewise
from search_spaces.gpt.protocol import Protocol  # noqa: TC001 - likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a member is in its data and schedule; the data cursor's whole state."""

    tokens: int
    """Tokens trained so far, inherited ones included; the key of the data cursor."""
    windows: tuple[int, ...]
    """Windows of context_length tokens finished so far from each source of the corpus."""
    steps: int
    """Optimizer steps so far, inherited ones included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberState:
    """Everything that continues a member bit by bit.

    Tensors are named `model.<parameter or buffer>` and `optimizer.<parameter>.<slot>`, slots as the
    optimizer names them (`exp_avg`, `exp_avg_sq`, `momentum_buffer`, `step` as a 0-d tensor).
    Utilities are running means of the everyday proxies (see `trainers.attribution`; empty: not
    measured). Where their shapes do not fit the architecture, measuring starts over.
    """

    architecture: Architecture
    protocol: Protocol
    position: Position
    tensors: dict[str, Tensor]
    head_utility: tuple[tuple[float, ...], ...]
    """Mean over sequences of |sum_t delta| of each head, nats per token; one tuple a layer."""
    ffn_utility: tuple[float, ...]
    embedding_utility: float | None
    head_utility_error: tuple[tuple[float, ...], ...] = ()
    """Standard errors over sequences of `head_utility`, of the same shape."""
    ffn_utility_error: tuple[float, ...] = ()
    embedding_utility_error: float | None = None
    utility_weight: float = 0.0
    """Sum of the weights of the sequences in the running means; 0: not measured."""
    utility_weight_squares: float = 0.0
    """Sum of the squares of these weights."""
    least_worth: tuple[tuple[str, int, int], ...] = ()
    """Components (kind, layer, index) that the best reply to the last price did without, in this
    order: they are the first to go when a morph prunes. Empty: none, or no game was played."""

    def without_data(self) -> MemberState:
        """Return the same with the shapes of its tensors alone."""
        return replace(self, tensors={n: t.to("meta") for n, t in self.tensors.items()})
