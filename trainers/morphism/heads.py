"""Add and remove query heads and key-value heads of a layer (the plan is in `head_plan`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from trainers.model import alibi_slopes
from trainers.morphism.head_plan import HeadPlan, plan_heads
from trainers.morphism.initial import draw
from trainers.morphism.usefulness import BY_WEIGHTS, head_usefulness
from trainers.morphism.weight import NEW, Weight, mix, take

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture
    from trainers.morphism.draft import Draft


def move_heads(draft: Draft, child: Architecture, generator: torch.Generator) -> Draft:
    """Match the child's query and key-value heads in every layer."""
    for i in range(child.num_layers):
        draft = _move_layer_heads(draft, child, i, generator)
    return draft


def _move_layer_heads(
    draft: Draft, child: Architecture, i: int, generator: torch.Generator
) -> Draft:
    a = draft.architecture
    heads, kv_heads = a.num_heads[i], a.num_kv_heads[i]
    child_heads, child_kv_heads = child.num_heads[i], child.num_kv_heads[i]
    if (heads, kv_heads) == (child_heads, child_kv_heads):
        return draft
    plan = plan_heads(
        head_usefulness(draft, i),
        kv_heads=kv_heads,
        child_heads=child_heads,
        child_kv_heads=child_kv_heads,
    )
    kept = {h for h in plan.queries if h != NEW}
    how = "" if len(kept) == heads or draft.head_utility else BY_WEIGHTS
    pruned = sorted(set(range(heads)) - kept)
    move = f"layer {i}: heads {heads} -> {child_heads}"
    if kv_heads != child_kv_heads:
        move += f", key-value heads {kv_heads} -> {child_kv_heads}"
    if pruned:
        move += f", least useful {', '.join(map(str, pruned))} removed{how}"
    utility = list(draft.head_utility)
    if utility:
        utility[i] = tuple(0.0 if h == NEW else utility[i][h] for h in plan.queries)

    def changed(vector: tuple[int, ...], value: int) -> tuple[int, ...]:
        return (*vector[:i], value, *vector[i + 1 :])

    return replace(draft, head_utility=tuple(utility)).moved(
        move,
        architecture=replace(
            a,
            num_heads=changed(a.num_heads, child_heads),
            num_kv_heads=changed(a.num_kv_heads, child_kv_heads),
        ),
        changes=_rebuilt(draft, i, plan, generator),
        preserving=plan.preserving,
    )


def _rebuilt(draft: Draft, i: int, plan: HeadPlan, generator: torch.Generator) -> dict[str, Weight]:
    """Rebuild one layer's attention: new heads read at random and write zero."""
    a = draft.architecture
    D, C, prefix = a.head_dim, a.d_model, f"layers.{i}.attention."
    source = torch.tensor(plan.queries)
    rows = (source[:, None] * D + torch.arange(D)).where(source[:, None] != NEW, NEW).flatten()
    shares = torch.tensor(plan.shares, dtype=torch.float64)
    changes = {
        f"{prefix}query.weight": take(
            draft.layer(i, "attention.query.weight"),
            0,
            rows,
            draw((int((rows == NEW).sum()), C), generator),
        ),
        f"{prefix}out.weight": take(draft.layer(i, "attention.out.weight"), 1, rows),
    }
    for name in ("key", "value"):
        changes[f"{prefix}{name}.weight"] = mix(
            draft.layer(i, f"attention.{name}.weight"),
            shares,
            draw((int((shares.sum(1) == 0).sum()) * D, C), generator),
        )
    if a.position == "alibi":
        changes[f"{prefix}slopes"] = take(
            draft.layer(i, "attention.slopes"), 0, source, alibi_slopes(len(source))[source == NEW]
        )
    return changes
