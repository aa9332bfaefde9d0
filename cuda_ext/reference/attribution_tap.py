"""The tap on plain PyTorch, to set beside the compiled one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cuda_ext.reference.grouped_attribution import accumulate_attribution


class _ReferenceTap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, buffer: Tensor, group_size: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.buffer = buffer
        ctx.group_size = group_size
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (grad,), (x,) = gradients, ctx.saved_tensors
        with torch.no_grad():
            accumulate_attribution(x, grad, ctx.buffer, ctx.group_size)
        return grad, None, None


def attribution_tap(x: Tensor, buffer: Tensor, group_size: int) -> Tensor:
    """Do what `cuda_ext.ops.attribution_tap` does, without kernels."""
    return _ReferenceTap.apply(x, buffer, group_size)  # type: ignore[no-any-return, no-untyped-call]
