"""Switch the normalisation of queries and keys. Not exact; the typical size of scores is kept.

For a normalised stream the expected mean square of a query is that of its rows (times the gains
before them), so this size becomes the gain, or the gain divided by this size goes into the rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from trainers.model import NORM_EPSILON
from trainers.morphism.weight import Weight, copied, scale

if TYPE_CHECKING:
    from torch import Tensor

    from search_spaces.gpt.architecture import Architecture
    from trainers.morphism.draft import Draft


def move_qk_norm(draft: Draft, child: Architecture, _: torch.Generator) -> Draft:
    """Make queries and keys normalised or not as the child's."""
    a = draft.architecture
    if a.qk_norm == child.qk_norm:
        return draft
    architecture = replace(a, qk_norm=child.qk_norm)
    changes: dict[str, Weight] = {}
    dropped: set[str] = set()
    for i in range(a.num_layers):
        for name in ("query", "key"):
            matrix, gain = (
                f"layers.{i}.attention.{name}.weight",
                f"layers.{i}.attention.{name}_norm.weight",
            )
            size_H = _expected_size(draft, i, name)
            if child.qk_norm:
                changes[gain] = copied(
                    size_H.mean().expand(a.head_dim).to(draft.weights[matrix].value),
                    like=draft.layer(i, "norm_attention.weight"),
                )
            else:
                factor = draft.weights[gain].value / size_H[:, None]
                floor = torch.finfo(factor.dtype).tiny ** 0.25  # keeps 1 / factor^2 finite
                factor = torch.where(factor.abs() < floor, floor, factor)
                changes[matrix] = scale(draft.weights[matrix], factor.flatten()[:, None])
                dropped.add(gain)
    move = (
        "qk-norm added, gains at the expected size of queries and keys"
        if child.qk_norm
        else "qk-norm removed, its gains put into the matrices"
    )
    weights = {n: w for n, w in draft.weights.items() if n not in dropped}
    return replace(draft, weights=weights).moved(
        move, architecture=architecture, changes=changes, preserving=False
    )


def _expected_size(draft: Draft, i: int, name: str) -> Tensor:
    """Return the root mean square (H or K,) of each head's query or key for a white stream."""
    gain_C = draft.layer(i, "norm_attention.weight").value
    rows = draft.layer(i, f"attention.{name}.weight").value * gain_C
    squares_HD = rows.square().sum(1).view(-1, draft.architecture.head_dim)
    size_H: Tensor = (squares_HD.mean(1) + NORM_EPSILON).sqrt()
    return size_H
