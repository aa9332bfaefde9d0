"""Identity whose backward pass accumulates gate-gradient statistics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cuda_ext import reference
from cuda_ext.ops.arguments import check_device, check_floating, check_groups, check_tensor
from cuda_ext.registration import declare, prepare


def attribution_tap(
    x: Tensor,  # (B, T, C) or (B, T, H, D) with C = H * D
    buffer: Tensor,  # (3, B, G) float32
    group_size: int,
) -> Tensor:
    """Pass x on; in backward add sum_t delta, |delta|, delta^2 to `buffer`.

    delta is that of `grouped_attribution` for x and the incoming gradient. The gradient is passed
    on: all gradients are those of a model without the tap, bit for bit. Only x is kept for it,
    which the next linear layer keeps anyway. A backward pass adds once, with activation
    checkpointing too.

    Args:
        x: Activations: float32, bfloat16, float16 (or float64).
        buffer: Sums so far, (signed, absolute, squared); the caller clears it. No gradient.
        group_size: Channels in a group.

    Returns:
        A view of x.

    Raises:
        TypeError: An argument is no tensor or its dtype does not fit.
        ValueError: Shapes or devices do not fit, or group_size does not divide the channels.
    """
    check_tensor("x", x)
    check_tensor("buffer", buffer)
    check_floating("x", x)
    groups = check_groups(x, group_size)
    check_device("buffer", buffer, "x", x)
    if buffer.dtype != torch.float32:
        raise TypeError(f"buffer must be float32, but its dtype is {buffer.dtype}.")
    if buffer.shape != (3, x.shape[0], groups):
        raise ValueError(
            f"buffer must be (3, B, G) = {(3, x.shape[0], groups)}, "
            f"but its shape is {tuple(buffer.shape)}."
        )
    if buffer.requires_grad:
        raise ValueError("buffer must not require a gradient, but buffer.requires_grad is True.")
    prepare(x.device)
    return _Tap.apply(x, buffer, group_size)  # type: ignore[no-any-return, no-untyped-call]


class _Tap(torch.autograd.Function):
    # One forward with its context: a separate `setup_context` costs 45 microseconds a call.
    @staticmethod
    def forward(ctx: Any, x: Tensor, buffer: Tensor, group_size: int) -> Tensor:
        ctx.save_for_backward(x)
        # The buffer is not "saved": other taps and the caller may change it before backward.
        ctx.buffer = buffer
        ctx.group_size = group_size
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (grad,), (x,) = gradients, ctx.saved_tensors
        torch.ops.masga.accumulate_attribution.default(
            x.detach(), grad.detach(), ctx.buffer, ctx.group_size
        )
        return grad, None, None


def _fake(x: Tensor, grad: Tensor, buffer: Tensor, group_size: int) -> None:
    """Nothing is returned."""


declare(
    "accumulate_attribution(Tensor x, Tensor grad, Tensor(a!) buffer, int group_size) -> ()",
    fake=_fake,
    reference=reference.accumulate_attribution,
)
