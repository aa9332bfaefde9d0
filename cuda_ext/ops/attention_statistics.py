"""Entropy and other statistics of softmax attention, exact, without a T x T matrix.

Entropy is lse_i - scale * <q_i, (P K)_i>, so any attention that returns lse gives it when run with
V := K; here one pass over the keys gives it and five more, without values (online softmax, Milakov
and Gimelshein 2018, arXiv:1805.02867; tiles, Dao et al. 2022, arXiv:2205.14135).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from cuda_ext import reference
from cuda_ext.ops.arguments import check_device, check_index, check_tensor
from cuda_ext.registration import declare, prepare

MAX_HEAD_DIM = 256


class AttentionStatistics(NamedTuple):
    """Statistics of the rows p_i of softmax(scale * q k^T): (B, H) means, or (B, H, R) by row."""

    lse: Tensor
    """log sum_j exp(scale <q_i, k_j>)."""
    entropy: Tensor
    """-sum_j p_ij log p_ij, nats; from 0 (one key) to log of the number of keys (uniform)."""
    renyi2: Tensor
    """-log sum_j p_ij^2, nats; at most the entropy."""
    max_probability: Tensor
    """max_j p_ij."""
    sink_mass: Tensor
    """p_i0: what the first token draws."""
    previous_token_mass: Tensor
    """p_i,i-1; 0 for row 0, which has no previous token."""


def attention_statistics(
    q: Tensor,  # (B, H, T, D), any strides
    k: Tensor,  # (B, K, T, D), K divides H: head h reads key head h // (H / K)
    *,
    scale: float | None = None,
    causal: bool = True,
    rows: Tensor | None = None,  # (R,) int64
    per_row: bool = False,
) -> AttentionStatistics:
    """Measure the attention of every head: log-sum-exp, entropies, peaks.

    Args:
        q: Queries as attention uses them, after positions and norms: float32, bfloat16, float16.
        k: Keys, likewise.
        scale: Factor of the scores; 1 / sqrt(D) if None.
        causal: Whether row i sees keys 0..i only.
        rows: Query rows to measure, in any order; all if None. Out-of-range rows raise on CPU and
            give NaN on CUDA, where looking would stall the device.
        per_row: Return (B, H, R) instead of means over the rows.

    Returns:
        Float32 statistics. NaN and infinity propagate. No gradient flows through them.

    Raises:
        TypeError: An argument is no tensor or its dtype does not fit.
        ValueError: Shapes or devices do not fit, a row is out of range, or there is no row.
    """
    check_tensor("q", q)
    check_tensor("k", k)
    _check_heads(q, k)
    if rows is not None:
        check_tensor("rows", rows)
        check_device("rows", rows, "q", q)
        check_index("rows", rows, ndim=1, below=q.shape[2])
    if (q.shape[2] if rows is None else rows.shape[0]) == 0:
        raise ValueError("There must be at least one query row, but got none.")
    scale = 1.0 / math.sqrt(max(q.shape[3], 1)) if scale is None else float(scale)
    prepare(q.device)
    by_row = torch.ops.masga.attention_statistics(q.detach(), k.detach(), scale, causal, rows)
    return AttentionStatistics(*(by_row if per_row else [s.mean(-1) for s in by_row]))


def _check_heads(q: Tensor, k: Tensor) -> None:
    halves = (torch.float32, torch.bfloat16, torch.float16)
    if q.dtype not in halves:
        raise TypeError(f"q must be float32, bfloat16 or float16, but its dtype is {q.dtype}.")
    if k.dtype != q.dtype:
        raise TypeError(f"k must have the dtype of q, {q.dtype}, but got {k.dtype}.")
    check_device("k", k, "q", q)
    if q.ndim != 4 or k.ndim != 4:
        raise ValueError(
            f"q and k must be (B, H, T, D) and (B, K, T, D), "
            f"but got {tuple(q.shape)} and {tuple(k.shape)}."
        )
    if (q.shape[0], *q.shape[2:]) != (k.shape[0], *k.shape[2:]):
        raise ValueError(
            f"q and k must agree but for the heads, but got {tuple(q.shape)} and {tuple(k.shape)}."
        )
    if k.shape[1] == 0 or q.shape[1] % k.shape[1] != 0:
        raise ValueError(
            f"The number of key heads must divide that of query heads, {q.shape[1]}, "
            f"but got {k.shape[1]}."
        )
    if not 1 <= q.shape[3] <= MAX_HEAD_DIM:
        raise ValueError(f"1 <= D <= {MAX_HEAD_DIM} must hold, but got D={q.shape[3]}.")


def _fake(
    q: Tensor,
    k: Tensor,  # noqa: ARG001
    scale: float,  # noqa: ARG001
    causal: bool,  # noqa: ARG001, FBT001
    rows: Tensor | None,
) -> list[Tensor]:
    count = q.shape[2] if rows is None else rows.shape[0]
    return [q.new_empty(*q.shape[:2], count, dtype=torch.float32) for _ in range(6)]


declare(
    "attention_statistics(Tensor q, Tensor k, float scale, bool causal, Tensor? rows)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    fake=lambda *arguments: tuple(_fake(*arguments)),
    reference=reference.attention_statistics,
)
