"""Change the kind of norm.

A layer norm is an RMS norm of the centred stream plus a bias. So layer -> rms centres everything
that is written to the stream (Ashkboos et al. 2024, arXiv:2401.15024, section 3.1) and drops the
biases: exact if these are zero and the readout is its own matrix. A tied embedding is not
centred, because it is also read. rms -> layer keeps the gains and adds zero biases: exact only
for a stream of mean zero.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from trainers.morphism.weight import Weight, fresh
from trainers.morphism.width import NORMS, WRITERS, role

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture
    from trainers.morphism.draft import Draft


def move_norm(draft: Draft, child: Architecture, _: torch.Generator) -> Draft:
    """Match the child's kind of norm."""
    a = draft.architecture
    if a.norm == child.norm:
        return draft
    architecture = replace(a, norm=child.norm)
    norms = {n for n in draft.weights if role(n) in NORMS}
    if child.norm == "layer":
        return draft.moved(
            "norm rms -> layer, biases zero",
            architecture=architecture,
            changes={
                f"{name.removesuffix('weight')}bias": fresh(
                    torch.zeros(a.d_model), like=draft.weights[name]
                )
                for name in norms
            },
            preserving=False,
        )
    biases = {n for n in norms if n.endswith(".bias")}
    biased = any(bool(draft.weights[n].value.any()) for n in biases)
    centred: dict[str, Weight] = {}
    for name, weight in draft.weights.items():
        axis = WRITERS.get(role(name))
        if axis is None or (role(name) == "embedding" and a.tied_embeddings):
            continue
        value = weight.value - weight.value.mean(axis, keepdim=True)
        centred[name] = replace(weight, value=value)
    weights = {n: w for n, w in draft.weights.items() if n not in biases}
    return replace(draft, weights=weights).moved(
        "norm layer -> rms, stream centred, biases dropped",
        architecture=architecture,
        changes=centred,
        preserving=not biased and not a.tied_embeddings,
    )
