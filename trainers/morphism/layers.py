"""Add and remove layers; the layers that stay keep their order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from trainers.model import Layer, alibi_slopes
from trainers.morphism.alignment import Cost, align
from trainers.morphism.head_plan import plan_heads
from trainers.morphism.initial import draw
from trainers.morphism.usefulness import BY_WEIGHTS, ffn_usefulness, head_usefulness
from trainers.morphism.weight import NEW, Weight, fresh

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture
    from trainers.morphism.draft import Draft


def move_layers(draft: Draft, child: Architecture, generator: torch.Generator) -> Draft:
    """Match the child's number of layers; new ones have the child's shape and write zero."""
    a = draft.architecture
    if a.num_layers == child.num_layers:
        return draft
    measured = bool(draft.head_utility) and bool(draft.ffn_utility)
    sources = align(*_costs(draft, child))

    def vector(own: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(target[j] if i == NEW else own[i] for j, i in enumerate(sources))

    architecture = replace(
        a,
        num_layers=child.num_layers,
        num_heads=vector(a.num_heads, child.num_heads),
        num_kv_heads=vector(a.num_kv_heads, child.num_kv_heads),
        d_ff=vector(a.d_ff, child.d_ff),
    )
    weights = {n: w for n, w in draft.weights.items() if not n.startswith("layers.")}
    for j, i in enumerate(sources):
        if i == NEW:
            layer = _new_layer(draft, architecture, j, generator)
        else:
            prefix = f"layers.{i}."
            layer = {
                name.removeprefix(prefix): weight
                for name, weight in draft.weights.items()
                if name.startswith(prefix)
            }
        weights |= {f"layers.{j}.{name}": weight for name, weight in layer.items()}
    result = replace(
        draft,
        weights=weights,
        head_utility=tuple(
            (0.0,) * architecture.num_heads[j] if i == NEW else draft.head_utility[i]
            for j, i in enumerate(sources)
        )
        if draft.head_utility
        else (),
        ffn_utility=tuple(0.0 if i == NEW else draft.ffn_utility[i] for i in sources)
        if draft.ffn_utility
        else (),
    )
    removed = [i for i in range(a.num_layers) if i not in sources]
    how = "" if measured else BY_WEIGHTS
    moves = [f"layer {i} removed, least useful{how}" for i in removed] + [
        f"layer {j} added {f'after layer {j - 1}' if j else 'first'}"
        for j, i in enumerate(sources)
        if i == NEW
    ]
    for move in moves:
        result = result.moved(move, architecture=architecture, changes={}, preserving=not removed)
    return result


def _costs(draft: Draft, child: Architecture) -> tuple[list[float], list[list[Cost]]]:
    """Return what every layer is worth, and what each match would lose and change."""
    a = draft.architecture
    if not (draft.head_utility and draft.ffn_utility):
        draft = replace(draft, head_utility=(), ffn_utility=())  # never compare two units
    worth: list[float] = []
    matched: list[list[Cost]] = []
    for i in range(a.num_layers):
        heads, ffn = head_usefulness(draft, i), ffn_usefulness(draft, i)
        worth.append(sum(heads) + ffn)
        row: list[Cost] = []
        for j in range(child.num_layers):
            plan = plan_heads(
                heads,
                kv_heads=a.num_kv_heads[i],
                child_heads=child.num_heads[j],
                child_kv_heads=child.num_kv_heads[j],
            )
            narrowed = ffn * max(0.0, 1.0 - child.d_ff[j] / a.d_ff[i])
            change = sum(
                abs(own[i] - target[j]) / max(own[i], target[j])
                for own, target in (
                    (a.num_heads, child.num_heads),
                    (a.num_kv_heads, child.num_kv_heads),
                    (a.d_ff, child.d_ff),
                )
            )
            row.append((plan.lost + narrowed, change))
        matched.append(row)
    return worth, matched


def _new_layer(
    draft: Draft, architecture: Architecture, j: int, generator: torch.Generator
) -> dict[str, Weight]:
    """Make a layer that writes zero: random matrices that read, zero matrices that write."""
    with torch.device("meta"):
        shapes = {name: t.shape for name, t in Layer(architecture, j).state_dict().items()}
    layer: dict[str, Weight] = {}
    for name, shape in shapes.items():
        if name == "attention.slopes":
            value = alibi_slopes(architecture.num_heads[j])
        elif name.endswith(("out.weight", "down.weight", "bias")):
            value = torch.zeros(shape)
        elif len(shape) == 1:
            value = torch.ones(shape)
        else:
            value = draw(shape, generator)
        layer[name] = fresh(value, like=draft.layer(0, name))
    return layer
