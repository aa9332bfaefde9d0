"""An interval of tokens as optimizer steps: exactly its tokens, in batches as even as can be."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainers.schedules import (
    batch_tokens_at,
    learning_rate_factor,
    ramp_boundaries,
    sequence_length_at,
)

if TYPE_CHECKING:
    from search_spaces.gpt.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer step: `sequences` of `length` tokens, `sequences * length` in whole windows."""

    sequences: int
    length: int
    learning_rate_factor: float
    """Share of the peak learning rate, taken in the middle of the step's tokens."""

    @property
    def tokens(self) -> int:
        """Tokens of the step."""
        return self.sequences * self.length


def plan_interval(
    protocol: Protocol, *, start: int, tokens: int, horizon_tokens: int, context_length: int
) -> tuple[Step, ...]:
    """Split an interval into steps.

    The interval is cut where a ramp doubles (rounded up to a whole window). A piece of n windows
    with a batch of B windows becomes ceil(n / B) steps whose sizes differ by at most one window. A
    short sequence is a part of a window, and a step always holds whole windows.

    Args:
        protocol: the schedules.
        start: tokens trained before the interval, a multiple of `context_length`.
        tokens: tokens of the interval, a positive multiple of `context_length`.
        horizon_tokens: tokens of a whole training.
        context_length: tokens of a window.

    Returns:
        Steps whose tokens sum to `tokens`.

    Raises:
        ValueError: `start` or `tokens` is no such multiple, or a ramp does not fit the context.
    """
    for name, value, least in (("start", start, 0), ("tokens", tokens, 1)):
        if value < least or value % context_length:
            raise ValueError(
                f"`{name} >= {least}` must be a multiple of the context length {context_length}, "
                f"but got {name}={value}."
            )
    ramps = (protocol.batch_ramp, protocol.sequence_ramp)
    doublings = {
        math.ceil(progress * horizon_tokens / context_length) * context_length
        for ramp in ramps
        for progress in ramp_boundaries(ramp)
    }
    end = start + tokens
    cuts = sorted({start, end} | {cut for cut in doublings if start < cut < end})
    steps: list[Step] = []
    for first, last in itertools.pairwise(cuts):
        length = sequence_length_at(first / horizon_tokens, protocol, context_length=context_length)
        batch_tokens = batch_tokens_at(first / horizon_tokens, protocol)
        position = first
        for windows in split_evenly(
            (last - first) // context_length, max(1, round(batch_tokens / context_length))
        ):
            step_tokens = windows * context_length
            factor = learning_rate_factor(
                (position + step_tokens / 2) / horizon_tokens,
                schedule=protocol.schedule,
                warmup_fraction=protocol.warmup_fraction,
                decay_fraction=protocol.decay_fraction,
            )
            steps.append(Step(step_tokens // length, length, factor))
            position += step_tokens
    return tuple(steps)


def split_evenly(total: int, most: int) -> tuple[int, ...]:
    """Split `total` into ceil(total / most) parts of at most `most` that differ by at most 1.

    >>> split_evenly(10, 4)
    (4, 3, 3)
    """
    parts = -(-total // most)
    whole, extra = divmod(total, parts)
    return (whole + 1,) * extra + (whole,) * (parts - extra)
