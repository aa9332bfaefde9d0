"""What each role of an architecture takes of its FLOPs: attention and FFN of each layer, readout.

Shares of these are the state of the allocation game between roles (DESIGN 4.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFlops:
    """Forward FLOPs of a token by role; they sum to the model's."""

    attention: tuple[float, ...]
    """Of each layer's heads together; query heads of one key-value head share its cost equally."""
    ffn: tuple[float, ...]
    readout: float
    """The embedding's role: reading tokens in is a look-up, reading them out a product."""

    @property
    def total(self) -> float:
        """All roles together: `forward_flops_per_token`."""
        return sum(self.attention) + sum(self.ffn) + self.readout


def role_flops(a: Architecture, *, sequence_length: int) -> RoleFlops:
    """Return the forward FLOPs of one token by role."""
    matrices = 3 if a.activation == "swiglu" else 2
    return RoleFlops(
        attention=tuple(
            float(4 * a.d_model * a.head_dim * (h + k) + 2 * sequence_length * a.head_dim * h)
            for h, k in zip(a.num_heads, a.num_kv_heads, strict=True)
        ),
        ffn=tuple(float(2 * matrices * a.d_model * width) for width in a.d_ff),
        readout=float(2 * a.d_model * a.vocab_size),
    )
