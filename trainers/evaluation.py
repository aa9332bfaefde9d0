"""Evaluation on fixed batches: nats per token and bits per byte."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from search_spaces.gpt.cost import forward_flops_per_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainers.data import EvaluationBatch
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


def evaluate(model: Transformer, batches: Sequence[EvaluationBatch]) -> Evaluation:
    """Measure the loss of a model, without dropout, in float32.

    A model that has diverged has losses that are not finite; they are returned as they are.

    Args:
        model: any device.
        batches: at least one; tokens (B, T+1) and the bytes of their targets.

    Raises:
        ValueError: there is no batch.
    """
    if not batches:
        raise ValueError("At least one evaluation batch is needed, but got none.")
    begun = time.perf_counter()
    device = model.embedding.weight.device
    losses: list[float] = []
    nats, tokens, byte_count, flops = 0.0, 0, 0, 0.0
    with torch.inference_mode():
        for batch in batches:
            tokens_BT = batch.tokens.to(device, non_blocking=True)
            loss_BT = model.loss(tokens_BT[:, :-1], tokens_BT[:, 1:])
            batch_nats = float(loss_BT.sum(dtype=torch.float64))
            count = loss_BT.numel()
            losses.append(batch_nats / count)
            nats += batch_nats
            tokens += count
            byte_count += batch.byte_count
            flops += count * forward_flops_per_token(
                model.architecture, sequence_length=loss_BT.shape[1]
            )
    return Evaluation(
        losses=tuple(losses),
        nats_per_token=nats / tokens,
        bits_per_byte=nats / math.log(2.0) / byte_count,
        tokens=tokens,
        flops=flops,
        seconds=time.perf_counter() - begun,
    )
