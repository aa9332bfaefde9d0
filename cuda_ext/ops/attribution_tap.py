"""Identity whose backward pass accumulates gate-gradient statistics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Tap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, buffer: Tensor, group_size: int) -> Tensor:
        ctx.save_for_backward(x, buffer)
        ctx.group_size = group_size
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (grad,) = gradients
        x, buffer = ctx.saved_tensors
        delta_BTG = (x.float() * grad.float()).unflatten(-1, (-1, ctx.group_size)).sum(-1)
        buffer += torch.stack((delta_BTG.sum(1), delta_BTG.abs().sum(1), delta_BTG.square().sum(1)))
        return grad, None, None


def attribution_tap(x: Tensor, buffer: Tensor, group_size: int) -> Tensor:
    """Pass x (B, T, C) on; in backward add sum_t delta, |delta|, delta^2 to buffer (3, B, G).

    delta[b,t,g] is the sum over group g of x * gradient (Michel et al. 2019, arXiv:1905.10650, eq. 2).
    """
    return _Tap.apply(x, buffer, group_size)  # type: ignore[no-any-return, no-untyped-call]
