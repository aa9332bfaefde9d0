"""Turn a donor's state into a child's of another architecture, by a chain of small moves.

Net2Net (Chen et al. 2016, arXiv:1511.05641) widens by copies; here what is new writes zero and
reads at random, which breaks the symmetry at once and leaves the moments of old weights as they
are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from trainers.morphism.activation import move_activation
from trainers.morphism.draft import close_draft, open_draft
from trainers.morphism.ffn import move_ffn
from trainers.morphism.head_dim import move_head_dim
from trainers.morphism.heads import move_heads
from trainers.morphism.layers import move_layers
from trainers.morphism.norm import move_norm
from trainers.morphism.position import move_context, move_position
from trainers.morphism.qk_norm import move_qk_norm
from trainers.morphism.record import MorphRecord, make_record
from trainers.morphism.tying import move_tying
from trainers.morphism.width import move_width

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture
    from trainers.state import MemberState

MOVES = (
    move_tying,  # before the norm: only an untied embedding can be centred
    move_layers,
    move_heads,
    move_ffn,
    move_head_dim,
    move_qk_norm,
    move_activation,
    move_norm,
    move_position,
    move_context,
    move_width,  # last: everything that reads or writes the stream is there
)
"""In this order; each leaves a draft alone whose gene is already the child's."""


@torch.no_grad()
def morph(state: MemberState, child: Architecture, *, seed: int) -> tuple[MemberState, MorphRecord]:
    """Carry a donor's weights, optimizer slots and utilities over to the child's architecture.

    Position and protocol travel unchanged. Components that do not fit are removed, the least useful
    first. Random values depend on `seed` alone. New components have utility 0.

    Args:
        state: The donor; it is not changed, and the result shares no storage with it.
        child: Any architecture over the same vocabulary.
        seed: Decides the values of new weights.

    Returns:
        The child's state, whose tensors load strictly into `Transformer(child)`, and the account of
        what was done. `preserving` in it means equal logits (on positions that both have) up to
        rounding; for an equal architecture the state is equal bit by bit.

    Raises:
        ValueError: The vocabularies differ, or the state breaks the contract of `MemberState`.
    """
    if state.architecture.vocab_size != child.vocab_size:
        raise ValueError(
            f"Donor and child read the same vocabulary, but the donor has vocab_size="
            f"{state.architecture.vocab_size} and the child {child.vocab_size}."
        )
    generator = torch.Generator().manual_seed(seed)
    draft = open_draft(state)
    for move in MOVES:
        draft = move(draft, child, generator)
    assert draft.architecture == child, "a gene of the architecture has no move"
    return close_draft(draft, state), make_record(draft)
