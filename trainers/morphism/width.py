"""Change the width of the residual stream, d -> d', with the norms taken into account.

Widening is exact. RMS norm: new coordinates of the stream are zero, so the mean square falls by
d/d' and the normalised old coordinates grow by sqrt(d'/d); gains scaled by sqrt(d/d') undo it.
Layer norm: new coordinates are the mean of the old ones, so that mean stays and variance falls by
d/d'; then as above, with the normalised new coordinates zero, and their biases zero. Either way
what reads the new coordinates gets zero from them and may be random, which lets what writes them
learn at once: drawn columns in the reading matrices, an arbitrary gain. A tied embedding reads
zero too.

Narrowing keeps the coordinates of largest (written) x (read) magnitude, not exact: the gains are
scaled by sqrt(e d/d'), e the share of the written energy that is kept.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from trainers.morphism.initial import draw
from trainers.morphism.usefulness import best
from trainers.morphism.weight import NEW, Weight, scale, take

if TYPE_CHECKING:
    from torch import Tensor

    from search_spaces.gpt.architecture import Architecture
    from trainers.morphism.draft import Draft

WRITERS = {"embedding": 1, "position": 1, "out": 0, "down": 0}
"""The axis of the stream in each matrix that writes to it."""
READERS = {
    "query": "norm_attention",
    "key": "norm_attention",
    "value": "norm_attention",
    "up": "norm_ffn",
    "gate": "norm_ffn",
    "unembedding": "final_norm",
}
"""The norm before each matrix that reads the stream (along axis 1)."""
NORMS = frozenset(READERS.values())


def role(name: str) -> str:
    """Return the module's own name: `query` of `layers.0.attention.query.weight`."""
    return name.split(".")[-2]


def move_width(draft: Draft, child: Architecture, generator: torch.Generator) -> Draft:
    """Match the child's d_model."""
    a = draft.architecture
    old, new = a.d_model, child.d_model
    if old == new:
        return draft
    gain_factor = math.sqrt(old / new)
    move = f"d_model {old} -> {new}"
    if new > old:
        source = torch.cat((torch.arange(old), torch.full((new - old,), NEW)))
    else:
        written, read = _energies(draft)
        source = best(written * read, new)
        gain_factor *= math.sqrt(float(written[source].sum() / written.sum().clamp(min=1e-30)))
        gain_factor = max(gain_factor, 1e-3)
        move += ", coordinates of least weight removed"
    changes: dict[str, Weight] = {}
    for name, weight in draft.weights.items():
        kind = role(name)
        if kind in WRITERS:
            axis = WRITERS[kind]
            fill = weight.value.mean(axis, keepdim=True) if a.norm == "layer" else 0.0
            changes[name] = take(weight, axis, source, fill)
        elif kind in READERS:
            columns = draw((weight.value.shape[0], max(0, new - old)), generator)
            changes[name] = take(weight, 1, source, columns)
        elif kind in NORMS and name.endswith(".bias"):
            changes[name] = take(weight, 0, source)
        elif kind in NORMS:
            changes[name] = scale(take(weight, 0, source, weight.value.mean()), gain_factor)
    return draft.moved(
        move,
        architecture=replace(a, d_model=new),
        changes=changes,
        preserving=new > old,
    )


def _energies(draft: Draft) -> tuple[Tensor, Tensor]:
    """Return the mean square written to and read from each coordinate of the stream, (d,) each."""
    d = draft.architecture.d_model
    written = torch.zeros(d, dtype=torch.float64)
    read = torch.zeros(d, dtype=torch.float64)
    for name, weight in draft.weights.items():
        kind, value = role(name), weight.value.double().cpu()
        if kind in ("embedding", "position"):
            written += value.square().mean(0)  # one row at a time
        elif kind in WRITERS:
            written += value.square().sum(1)
        if kind in READERS or (kind == "embedding" and draft.architecture.tied_embeddings):
            norm = READERS.get(kind, "final_norm")
            before = name.split(".")[:2] if norm != "final_norm" else []
            gain = draft.weights[".".join((*before, norm, "weight"))].value.double().cpu()
            read += (value * gain).square().sum(0)
    return written, read
