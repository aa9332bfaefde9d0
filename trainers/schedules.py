"""Learning rate, batch and sequence length as pure functions of progress = tokens / horizon.

All learning-rate schedules warm up linearly from 0 and, `constant` aside, end at 0: decay to zero
beats decay to a tenth (Bergsma et al. 2025, arXiv:2502.15938). Past the horizon they stay where
they ended.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from search_spaces.gpt.protocol import Protocol, ScheduleName


def learning_rate_factor(
    progress: float, *, schedule: ScheduleName, warmup_fraction: float, decay_fraction: float
) -> float:
    """Return the share of the peak learning rate, in [0, 1].

    Args:
        progress: tokens / horizon, >= 0.
        schedule: shape after the warm-up.
        warmup_fraction: share of the horizon that rises linearly from 0.
        decay_fraction: share of the horizon that falls at its end; of `wsd` only.

    >>> learning_rate_factor(0.625, schedule="linear", warmup_fraction=0.25, decay_fraction=0.2)
    0.5
    """
    progress = min(progress, 1.0)
    if progress < warmup_fraction:
        return progress / warmup_fraction
    done = (progress - warmup_fraction) / (1.0 - warmup_fraction)
    match schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 - done
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * done))
        case "wsd":
            # 1 - sqrt, the best of the shapes tried (Haegele et al. 2024, arXiv:2405.18392, eq. 1).
            cooled = (progress - (1.0 - decay_fraction)) / decay_fraction
            return 1.0 - math.sqrt(min(1.0, max(0.0, cooled)))
    assert_never(schedule)


def ramp_share(progress: float, ramp: int) -> float:
    """Return the share of the full value of a ramp that doubles its way up from 1 / ramp.

    The doublings come at equal spacings, the last at half the horizon.

    Args:
        progress: tokens / horizon, >= 0.
        ramp: full value / first value, a power of two.

    >>> [ramp_share(x, 4) for x in (0.0, 0.24, 0.25, 0.49, 0.5, 1.0)]
    [0.25, 0.25, 0.5, 0.5, 1.0, 1.0]
    """
    passed = sum(progress >= boundary for boundary in ramp_boundaries(ramp))
    return 2.0**passed / ramp


def ramp_boundaries(ramp: int) -> tuple[float, ...]:
    """Return the progress at which a ramp doubles, ascending.

    Raises:
        ValueError: `ramp` is not a power of two.
    """
    doublings = ramp.bit_length() - 1
    if ramp < 1 or 2**doublings != ramp:
        raise ValueError(f"A ramp must be a power of two (1, 2, 4, ...), but got {ramp}.")
    return tuple(0.5 * (i + 1) / doublings for i in range(doublings))


def batch_tokens_at(progress: float, protocol: Protocol) -> float:
    """Return the batch in tokens that the protocol asks for; whole windows are made of it later."""
    return protocol.batch_tokens * ramp_share(progress, protocol.batch_ramp)


def sequence_length_at(progress: float, protocol: Protocol, *, context_length: int) -> int:
    """Return the length of sequences in tokens; it divides `context_length`.

    Raises:
        ValueError: `sequence_ramp` does not divide `context_length`.
    """
    if context_length % protocol.sequence_ramp:
        raise ValueError(
            "`sequence_ramp` must divide the context length, but got "
            f"sequence_ramp={protocol.sequence_ramp}, context_length={context_length}."
        )
    return round(context_length * ramp_share(progress, protocol.sequence_ramp))
