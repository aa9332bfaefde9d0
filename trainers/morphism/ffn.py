"""Widen and narrow the feed-forward block of a layer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from trainers.morphism.initial import draw
from trainers.morphism.usefulness import best, unit_usefulness
from trainers.morphism.weight import NEW, take

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture
    from trainers.morphism.draft import Draft


def move_ffn(draft: Draft, child: Architecture, generator: torch.Generator) -> Draft:
    """Match the child's hidden units in every layer: new units read at random and write zero."""
    for i in range(child.num_layers):
        a = draft.architecture
        old, new = a.d_ff[i], child.d_ff[i]
        if old == new:
            continue
        move = f"layer {i}: d_ff {old} -> {new}"
        if new > old:
            source = torch.cat((torch.arange(old), torch.full((new - old,), NEW)))
        else:
            source = best(unit_usefulness(draft, i), new)
            move += ", units of least weight removed"
        prefix = f"layers.{i}.ffn."
        changes = {f"{prefix}down.weight": take(draft.layer(i, "ffn.down.weight"), 1, source)}
        for name in ("up", "gate") if a.activation == "swiglu" else ("up",):
            changes[f"{prefix}{name}.weight"] = take(
                draft.layer(i, f"ffn.{name}.weight"),
                0,
                source,
                draw((max(0, new - old), a.d_model), generator),
            )
        draft = draft.moved(
            move,
            architecture=replace(a, d_ff=(*a.d_ff[:i], new, *a.d_ff[i + 1 :])),
            changes=changes,
            preserving=new > old,
        )
    return draft
