"""Gate gradients of token embeddings, summed by bucket (for instance of token frequency)."""

from __future__ import annotations

import torch
from torch import Tensor

from cuda_ext import reference
from cuda_ext.ops.arguments import (
    check_device,
    check_floating,
    check_index,
    check_like,
    check_tensor,
)
from cuda_ext.ops.grouped_attribution import Attribution
from cuda_ext.registration import declare, prepare


def embedding_attribution(
    tokens: Tensor,  # (B, T) int64
    x: Tensor,  # (B, T, C)
    grad: Tensor,  # (B, T, C)
    buckets: Tensor,  # (V,) int64
    num_buckets: int,
) -> Attribution:
    """Sum delta, |delta| and delta^2 by bucket, where delta[b,t] = <x[b,t,:], grad[b,t,:]>.

    With one bucket this is `grouped_attribution` with group_size = C. Sums are added in token
    order: the bits do not depend on the number of threads. No gradient flows through the result.

    Args:
        tokens: Token ids.
        x: Embeddings that entered the model: float32, bfloat16, float16 (or float64).
        grad: Gradient of the loss with respect to x; shape, dtype and device of x.
        buckets: The bucket of every token id.
        num_buckets: Number of buckets, K.

    Returns:
        Three float32 tensors (B, K). Ids out of range raise on CPU; on CUDA, where looking would
        stall the device, they make the sums of their sequence NaN.

    Raises:
        TypeError: An argument is no tensor or its dtype does not fit.
        ValueError: Shapes or devices do not fit, or an id is out of range.
    """
    for name, value in (("tokens", tokens), ("x", x), ("grad", grad), ("buckets", buckets)):
        check_tensor(name, value)
        check_device(name, value, "x", x)
    check_floating("x", x)
    check_like("grad", grad, "x", x)
    if x.ndim != 3 or tokens.shape != x.shape[:2]:
        raise ValueError(
            f"x must be (B, T, C) and tokens (B, T), "
            f"but got {tuple(x.shape)} and {tuple(tokens.shape)}."
        )
    if isinstance(num_buckets, bool) or not isinstance(num_buckets, int) or num_buckets < 1:
        raise ValueError(f"num_buckets must be an int of at least 1, but got {num_buckets!r}.")
    check_index("buckets", buckets, ndim=1, below=num_buckets)
    check_index("tokens", tokens, ndim=2, below=buckets.shape[0])
    prepare(x.device)
    sums = torch.ops.masga.embedding_attribution(
        tokens, x.detach(), grad.detach(), buckets, num_buckets
    )
    return Attribution(*sums)


def _fake(
    tokens: Tensor,  # noqa: ARG001
    x: Tensor,
    grad: Tensor,  # noqa: ARG001
    buckets: Tensor,  # noqa: ARG001
    num_buckets: int,
) -> tuple[Tensor, Tensor, Tensor]:
    size = (x.shape[0], num_buckets)
    signed, absolute, squared = (x.new_empty(size, dtype=torch.float32) for _ in range(3))
    return signed, absolute, squared


declare(
    "embedding_attribution(Tensor tokens, Tensor x, Tensor grad, Tensor buckets, int num_buckets)"
    " -> (Tensor, Tensor, Tensor)",
    fake=_fake,
    reference=reference.embedding_attribution,
)
