"""Gate gradients of whole token embeddings, summed by bucket of the token."""

from __future__ import annotations

import torch
from torch import Tensor


def embedding_attribution(
    tokens: Tensor, x: Tensor, grad: Tensor, buckets: Tensor, num_buckets: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return sums of delta, |delta| and delta^2, each (B, num_buckets); delta[b,t] = <x, grad>."""
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    delta_BT = (x.to(wide) * grad.to(wide)).sum(-1)
    bucket_BT = buckets[tokens]
    signed, absolute, squared = (
        delta_BT.new_zeros(x.shape[0], num_buckets).scatter_add(1, bucket_BT, v).float()
        for v in (delta_BT, delta_BT.abs(), delta_BT.square())
    )
    return signed, absolute, squared
