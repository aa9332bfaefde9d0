"""Gate gradients of groups of channels, summed over tokens (Michel et al., arXiv:1905.10650)."""

from __future__ import annotations

import torch
from torch import Tensor


def grouped_attribution(
    x: Tensor, grad: Tensor, group_size: int, *, double_precision: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Return sum_t delta, sum_t |delta| and sum_t delta^2, each (B, G).

    delta[b,t,g] is the sum over group g of x * grad; x and grad are (B, T, C) or
    (B, T, H, D).
    """
    wide = torch.float64 if double_precision or x.dtype == torch.float64 else torch.float32
    batch, tokens = x.shape[:2]
    groups = x.shape[2:].numel() // group_size
    delta_BTG = (x.to(wide) * grad.to(wide)).reshape(batch, tokens, groups, group_size).sum(-1)
    out = torch.float64 if double_precision else torch.float32
    return (
        delta_BTG.sum(1).to(out),
        delta_BTG.abs().sum(1).to(out),
        delta_BTG.square().sum(1).to(out),
    )


def accumulate_attribution(x: Tensor, grad: Tensor, buffer: Tensor, group_size: int) -> None:
    """Add `grouped_attribution` to buffer (3, B, G), in place."""
    buffer += torch.stack(grouped_attribution(x, grad, group_size))
