"""Gate gradients of groups of channels, summed over tokens (Michel et al., arXiv:1905.10650)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from cuda_ext import reference
from cuda_ext.ops.arguments import check_floating, check_groups, check_like, check_tensor
from cuda_ext.registration import declare, prepare

if TYPE_CHECKING:
    from typing import Literal


class Attribution(NamedTuple):
    """Sums of the gate gradient delta over tokens, each (B, G)."""

    signed: Tensor
    """sum_t delta: the derivative of the loss by a gate on the group, at the open gate."""
    absolute: Tensor
    """sum_t |delta|."""
    squared: Tensor
    """sum_t delta^2."""


def grouped_attribution(
    x: Tensor,  # (B, T, C) or (B, T, H, D) with C = H * D, any strides
    grad: Tensor,  # as x
    group_size: int,
    *,
    accumulate: Literal["float32", "float64"] = "float32",
) -> Attribution:
    """Sum delta, |delta| and delta^2 over tokens; delta[b,t,g] is the sum over group g of x * grad.

    One pass reads x and grad once. The work is cut by shape alone and partial sums are added in a
    fixed order, so the bits do not depend on the number of threads. NaN and infinity propagate.
    No gradient flows through the result.

    Args:
        x: Activations: float32, bfloat16, float16 (or float64).
        grad: Gradient of the loss with respect to x; shape, dtype and device of x.
        group_size: Channels in a group: head_dim for heads, 1 for neurons, C for the whole layer.
        accumulate: Precision of products and sums, and dtype of the result.

    Returns:
        Three tensors (B, C / group_size). Errors are relative to `absolute`: signed terms cancel.

    Raises:
        TypeError: An argument is no tensor, or its dtype is unknown or differs.
        ValueError: Shapes or devices differ, or group_size does not divide the channels.
    """
    check_tensor("x", x)
    check_tensor("grad", grad)
    check_floating("x", x)
    check_like("grad", grad, "x", x)
    check_groups(x, group_size)
    if accumulate not in ("float32", "float64"):
        raise ValueError(f"accumulate must be 'float32' or 'float64', but got {accumulate!r}.")
    prepare(x.device)
    sums = torch.ops.masga.grouped_attribution(
        x.detach(), grad.detach(), group_size, double_precision=accumulate == "float64"
    )
    return Attribution(*sums)


def _fake(
    x: Tensor,
    grad: Tensor,  # noqa: ARG001
    group_size: int,
    *,
    double_precision: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    size = (x.shape[0], x.shape[2:].numel() // group_size)
    dtype = torch.float64 if double_precision else torch.float32
    signed, absolute, squared = (x.new_empty(size, dtype=dtype) for _ in range(3))
    return signed, absolute, squared


declare(
    "grouped_attribution(Tensor x, Tensor grad, int group_size, *, bool double_precision=False)"
    " -> (Tensor, Tensor, Tensor)",
    fake=_fake,
    reference=reference.grouped_attribution,
)
