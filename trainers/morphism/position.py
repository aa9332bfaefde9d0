"""Change how positions enter, and how many a learned table has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from trainers.model import alibi_slopes
from trainers.morphism.initial import draw
from trainers.morphism.weight import NEW, Weight, fresh, take

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture
    from trainers.morphism.draft import Draft


def move_position(draft: Draft, child: Architecture, generator: torch.Generator) -> Draft:
    """Match the child's kind of position; a new table is drawn, new slopes follow their law."""
    a = draft.architecture
    if a.position == child.position:
        return draft
    changes: dict[str, Weight] = {}
    if child.position == "learned":
        table = draw((a.context_length, a.d_model), generator)
        changes["position.weight"] = fresh(table, like=draft.weights["embedding.weight"])
    elif child.position == "alibi":
        for i, heads in enumerate(a.num_heads):
            slopes = alibi_slopes(heads).to(draft.weights["embedding.weight"].value.device)
            changes[f"layers.{i}.attention.slopes"] = fresh(slopes, like=None)
    weights = {
        n: w
        for n, w in draft.weights.items()
        if n != "position.weight" and not n.endswith("slopes")
    }
    return replace(draft, weights=weights).moved(
        f"position {a.position} -> {child.position}",
        architecture=replace(a, position=child.position),
        changes=changes,
        preserving=False,
    )


def move_context(draft: Draft, child: Architecture, generator: torch.Generator) -> Draft:
    """Cut or extend a learned table; exact on the positions that both have."""
    a = draft.architecture
    old, new = a.context_length, child.context_length
    if old == new:
        return draft
    changes: dict[str, Weight] = {}
    if a.position == "learned":
        source = torch.arange(new)
        source = source.where(source < old, NEW)
        changes["position.weight"] = take(
            draft.weights["position.weight"],
            0,
            source,
            draw((max(0, new - old), a.d_model), generator),
        )
    return draft.moved(
        f"context_length {old} -> {new}",
        architecture=replace(a, context_length=new),
        changes=changes,
        preserving=True,
    )
