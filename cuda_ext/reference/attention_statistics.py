"""Statistics of softmax attention, from the probabilities themselves, a block of rows at a time."""

from __future__ import annotations

import torch
from torch import Tensor

ROWS_AT_ONCE = 128
"""Bounds the memory: a block of rows x T scores, never T x T."""


def attention_statistics(
    q: Tensor,  # (B, H, T, D)
    k: Tensor,  # (B, K, T, D)
    scale: float,
    causal: bool,  # noqa: FBT001 - the operator's schema
    rows: Tensor | None = None,  # (R,)
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return lse, entropy, Renyi-2, largest, sink and previous-token probability: (B, H, R).

    See `cuda_ext.ops.attention_statistics`. Computed in float32, in float64 for float64 inputs.
    """
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    T = q.shape[2]
    if rows is None:
        rows = torch.arange(T, device=q.device)
    keys = k.to(wide).repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    blocks = [
        _block(q.index_select(2, part).to(wide), keys, scale, causal, part)
        for part in torch.split(rows, ROWS_AT_ONCE)
    ]
    if rows.numel() == 0:
        blocks = [q.new_empty(6, *q.shape[:2], 0, dtype=wide)]
    lse, entropy, renyi2, largest, sink, previous = torch.cat(blocks, dim=-1).unbind(0)
    return tuple(t.contiguous() for t in (lse, entropy, renyi2, largest, sink, previous))  # type: ignore[return-value]


def _block(q: Tensor, k: Tensor, scale: float, causal: bool, rows: Tensor) -> Tensor:  # noqa: FBT001
    scores_BHRT = scale * (q @ k.transpose(-1, -2))
    position = torch.arange(k.shape[2], device=q.device)
    if causal:
        scores_BHRT = scores_BHRT.masked_fill(position > rows[:, None], float("-inf"))
    lse = torch.logsumexp(scores_BHRT, -1)
    p_BHRT = torch.exp(scores_BHRT - lse[..., None])
    before = (rows - 1).clamp(min=0).expand(*q.shape[:2], -1)[..., None]
    previous = p_BHRT.gather(-1, before).squeeze(-1).masked_fill(rows == 0, 0.0)
    return torch.stack(
        (
            lse,
            torch.special.entr(p_BHRT).sum(-1),
            -p_BHRT.square().sum(-1).log(),
            p_BHRT.amax(-1),
            p_BHRT[..., 0],
            previous,
        )
    )
