"""How useful a component is: its measured utility, or a magnitude of its weights.

The fallback is what the component writes for white input, in root mean square: the Frobenius norm
of the map from the normalised stream back to the stream. It is invariant under the symmetries of
the model (W_V -> R W_V with W_O -> W_O R^-1; a norm's gain moved into the matrices after it). It
is a poor stand-in for a measured utility; records say when it was used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from trainers.morphism.draft import Draft

BY_WEIGHTS = " by weights, no utility measured"


def head_usefulness(draft: Draft, layer: int) -> tuple[float, ...]:
    """Return one value a query head: measured, nats per token, or the norm of its OV map."""
    if draft.head_utility:
        return draft.head_utility[layer]
    a = draft.architecture
    gain_C = draft.layer(layer, "norm_attention.weight").value.float()
    value = draft.layer(layer, "attention.value.weight").value.float() * gain_C
    value = value.view(-1, a.head_dim, a.d_model)  # (K, D, C)
    value = value.repeat_interleave(a.num_heads[layer] // a.num_kv_heads[layer], 0)  # (H, D, C)
    out = draft.layer(layer, "attention.out.weight").value.float()
    out = out.view(a.d_model, -1, a.head_dim)  # (C, H, D)
    # ||W_O W_V||_F^2 = trace((W_O' W_O)(W_V W_V')), without the C x C product
    squared = torch.einsum("chd,che,hdx,hex->h", out, out, value, value)
    return tuple(squared.clamp(min=0).sqrt().tolist())


def unit_usefulness(draft: Draft, layer: int) -> Tensor:
    """Return one magnitude a hidden unit (F,): the product of the norms of its weights.

    The powers make it invariant when a unit's input is scaled by c and its output accordingly
    (relu^2 is homogeneous of degree 2). No utility is measured per unit.
    """
    gain_C = draft.layer(layer, "norm_ffn.weight").value.float()
    up_F: Tensor = (draft.layer(layer, "ffn.up.weight").value.float() * gain_C).norm(dim=1)
    down_F: Tensor = draft.layer(layer, "ffn.down.weight").value.float().norm(dim=0)
    match draft.architecture.activation:
        case "gelu":
            return up_F * down_F
        case "relu2":
            return up_F.square() * down_F
        case "swiglu":
            gate_FC = draft.layer(layer, "ffn.gate.weight").value.float() * gain_C
            gate_F: Tensor = gate_FC.norm(dim=1)
            return up_F * down_F * gate_F


def ffn_usefulness(draft: Draft, layer: int) -> float:
    """Return the usefulness of a whole feed-forward block, comparable with its heads'."""
    if draft.ffn_utility:
        return draft.ffn_utility[layer]
    return float(unit_usefulness(draft, layer).norm())


def best(
    usefulness: Tensor,  # (n,)
    count: int,
) -> Tensor:
    """Return the indices of the `count` most useful entries, in order; ties keep the earlier."""
    order = torch.argsort(usefulness.float().cpu(), descending=True, stable=True)
    return order[:count].sort().values
