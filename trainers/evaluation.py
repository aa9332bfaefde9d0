"""Evaluation on fixed batches: nats per token and bits per byte."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from search_spaces.gpt.cost import forward_flops_per_token
from trainers.distributed.alone import ALONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainers.data import EvaluationBatch
    from trainers.distributed.alone import Alone
    from trainers.distributed.ranks import Ranks
    from trainers.model import Transformer


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The loss of one model on one split; the same batches for every member of a run."""

    losses: tuple[float, ...]
    """Mean loss of each batch, nats per token: paired between members."""
    nats_per_token: float
    bits_per_byte: float
    """Comparable between tokenizers."""
    tokens: int
    """Targets predicted."""
    flops: float
    seconds: float


def evaluate(
    model: Transformer, batches: Sequence[EvaluationBatch], *, ranks: Alone | Ranks = ALONE
) -> Evaluation:
    """Measure the loss of a model, without dropout, in float32.

    A model that has diverged has losses that are not finite; they are returned as they are.

    Args:
        model: any device.
        batches: at least one; tokens (B, T+1) and the bytes of their targets.
        ranks: the processes that the model and the sequences are split over.

    Raises:
        ValueError: there is no batch.
    """
    if not batches:
        raise ValueError("At least one evaluation batch is needed, but got none.")
    begun = time.perf_counter()
    device = model.embedding.weight.device
    of_batches: list[float] = []
    with ranks.measuring(), ranks.as_written():
        for batch in batches:
            rows = ranks.rows(len(batch.tokens))
            tokens_BT = batch.tokens[rows.slice].to(device, non_blocking=True)
            loss_BT = model.loss(tokens_BT[:, :-1], tokens_BT[:, 1:])
            of_batches.append(0.0 if rows.idle else float(loss_BT.sum(dtype=torch.float64)))
    losses: list[float] = []
    nats, tokens, byte_count, flops = 0.0, 0, 0, 0.0
    for batch, batch_nats in zip(batches, ranks.totals(of_batches), strict=True):
        length = batch.tokens.shape[1] - 1
        count = len(batch.tokens) * length
        losses.append(batch_nats / count)
        nats += batch_nats
        tokens += count
        byte_count += batch.byte_count
        flops += count * forward_flops_per_token(model.architecture, sequence_length=length)
    return Evaluation(
        losses=tuple(losses),
        nats_per_token=nats / tokens,
        bits_per_byte=nats / math.log(2.0) / byte_count,
        tokens=tokens,
        flops=flops,
        seconds=time.perf_counter() - begun,
    )
