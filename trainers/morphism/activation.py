"""Change the activation. Not exact: each hidden unit becomes the best multiple of its old self.

A unit's pre-activations h (up) and g (gate) are taken as jointly normal with the covariance that
a white stream gives them. The new unit f'(g, h) keeps its directions and its output column is
scaled by the least-squares factor E[f f'] / E[f'^2], by Gauss-Hermite quadrature. A gate that the
donor lacks is a copy of the up matrix (silu(u) u is close to relu(u)^2); a gate that the child
lacks is dropped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from trainers.morphism.weight import Weight, copied, scale

if TYPE_CHECKING:
    from torch import Tensor

    from search_spaces.gpt.architecture import Activation, Architecture
    from trainers.morphism.draft import Draft

QUADRATURE_POINTS = 16
SMALLEST_FACTOR, LARGEST_FACTOR = 1 / 8, 8.0
"""Bounds of the least-squares factor: beyond them the fit says little and moments would explode."""


def move_activation(draft: Draft, child: Architecture, _: torch.Generator) -> Draft:
    """Match the child's activation in every layer."""
    a = draft.architecture
    if a.activation == child.activation:
        return draft
    changes: dict[str, Weight] = {}
    dropped: set[str] = set()
    for i in range(a.num_layers):
        prefix = f"layers.{i}.ffn."
        up = draft.layer(i, "ffn.up.weight")
        gain_C = draft.layer(i, "norm_ffn.weight").value
        gate = draft.layer(i, "ffn.gate.weight").value if a.activation == "swiglu" else up.value
        factor_F = fitted_factor(
            a.activation,
            child.activation,
            up_FC=(up.value * gain_C).float(),
            gate_FC=(gate * gain_C).float(),
        )
        down = draft.layer(i, "ffn.down.weight")
        changes[f"{prefix}down.weight"] = scale(down, factor_F.to(down.value))
        if child.activation == "swiglu":
            changes[f"{prefix}gate.weight"] = copied(up.value, like=up)
        elif a.activation == "swiglu":
            dropped.add(f"{prefix}gate.weight")
    move = f"activation {a.activation} -> {child.activation}, outputs rescaled unit by unit"
    if child.activation == "swiglu":
        move += ", gates copied from the up matrices"
    elif dropped:
        move += ", gates dropped"
    weights = {n: w for n, w in draft.weights.items() if n not in dropped}
    return replace(draft, weights=weights).moved(
        move,
        architecture=replace(a, activation=child.activation),
        changes=changes,
        preserving=False,
    )


def fitted_factor(
    old: Activation,
    new: Activation,
    *,
    up_FC: Tensor,
    gate_FC: Tensor,
) -> Tensor:
    """Return the factor (F,) on each unit's output column that fits the new unit to the old."""
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_POINTS)
    z = torch.as_tensor(nodes).to(up_FC)
    weight = torch.as_tensor(np.outer(node_weights, node_weights)).to(up_FC)
    sigma_h, sigma_g = up_FC.norm(dim=1), gate_FC.norm(dim=1)
    rho = F.cosine_similarity(up_FC, gate_FC, dim=1).clamp(-1, 1)
    h = sigma_h[:, None, None] * z[:, None]  # (F, n, 1)
    mixed = rho[:, None, None] * z[:, None] + (1 - rho.square()).sqrt()[:, None, None] * z
    g = sigma_g[:, None, None] * mixed  # (F, n, n)
    before = hidden(old, g, h).expand_as(g)
    # A gate that the donor lacks starts as the up matrix, and there g is h already.
    after = hidden(new, g, h).expand_as(g)
    cross = (weight * before * after).sum((1, 2))
    square = (weight * after.square()).sum((1, 2))
    factor = cross / square.clamp(min=torch.finfo(square.dtype).tiny)
    sign = torch.where(factor < 0, -1.0, 1.0)
    return sign * factor.abs().clamp(SMALLEST_FACTOR, LARGEST_FACTOR)


def hidden(activation: Activation, g: Tensor, h: Tensor) -> Tensor:
    """Return a hidden unit's value from its gate and up pre-activations (see `trainers.model`)."""
    match activation:
        case "gelu":
            return F.gelu(h)
        case "relu2":
            return F.relu(h).square()
        case "swiglu":
            return F.silu(g) * h
