"""Architectures that a model can be built of: what any file may say is held to it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture

MOST_LAYERS = 4096
LARGEST = 1 << 31
"""No width, and no count, reaches it."""


def require_plausible(a: Architecture) -> None:
    """Check that the numbers of an architecture make a model.

    Raises:
        ValueError: They do not; the message names the law.
    """
    layers = (a.num_heads, a.num_kv_heads, a.d_ff)
    sizes = (
        a.vocab_size,
        a.context_length,
        a.d_model,
        a.head_dim,
        *(n for of in layers for n in of),
    )
    if not 1 <= a.num_layers <= MOST_LAYERS or any(len(of) != a.num_layers for of in layers):
        raise ValueError(
            f"`1 <= num_layers <= {MOST_LAYERS}` and one entry a layer must hold, but got "
            f"num_layers={a.num_layers} and {[len(of) for of in layers]} entries."
        )
    if not all(1 <= size < LARGEST for size in sizes):
        raise ValueError(
            f"Widths and counts lie in [1, {LARGEST}), but got {max(sizes)} or less than 1."
        )
    if any(heads % shared for heads, shared in zip(a.num_heads, a.num_kv_heads, strict=True)):
        raise ValueError("`num_kv_heads` must divide `num_heads` in each layer, but does not.")
    if a.position == "rotary" and a.head_dim % 2:
        raise ValueError(f"`head_dim` must be even for rotary positions, but is {a.head_dim}.")
