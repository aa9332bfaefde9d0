"""Utilities of components: Michel importance with standard errors (arXiv:1905.10650, eq. 2).

The gate gradient of component k in sequence b is sum_t delta[b,t,k], delta = <o, dL_b/do>, where
L_b is the mean loss of the sequence's tokens. Its utility is mean_b |sum_t delta|: the first-order
change of a sequence's loss, in nats per token, when the component is gated off. The signed mean is
not a utility: over all components of a pre-norm model it sums to zero, and training drives it to
zero for each.

Means run over sequences with a forgetting window, since utilities drift while a member trains. With
weights w_i, mean = sum w x / W, W = sum w; the effective number of sequences is n = W^2 / sum w^2
(Kish 1965) and the standard error sqrt(variance / (n - 1)). With one sequence the error is unknown
and is set to the mean, so that nothing acts on it (|u| > 2 se never holds). Dropout acts as in
training.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search_spaces.gpt.architecture import Architecture
    from trainers.model import Taps
    from trainers.state import MemberState

FORGETTING = 0.9
"""What earlier weights are multiplied by at a measurement: a window of about 10 measurements."""


Importance = NDArray[np.float64]
"""|sum_t delta| of each sequence and component, (B, N), in nats per token."""


@dataclass(frozen=True, slots=True)
class Utilities:
    """Running means over sequences for all N components: heads by layer, FFN blocks, embedding."""

    mean: NDArray[np.float64]  # (N,), nats per token
    error: NDArray[np.float64]  # (N,), standard error of the mean
    weight: float
    weight_squares: float


def num_components(architecture: Architecture) -> int:
    """Count heads, FFN blocks and the embedding."""
    return sum(architecture.num_heads) + architecture.num_layers + 1


def no_utilities(architecture: Architecture) -> Utilities:
    """Return what is known before the first measurement."""
    zeros = np.zeros(num_components(architecture))
    return Utilities(zeros, zeros, weight=0.0, weight_squares=0.0)


def sequence_importance(taps: Taps, *, batch_sequences: int) -> Importance:
    """Return |sum_t delta| of each sequence and component, (B, N), in nats per token.

    Args:
        taps: filled by the backward pass of sum of losses / (batch_sequences * T).
        batch_sequences: sequences of the whole batch, whatever part of it these taps have seen: the
            factor that its mean put on every gradient is undone.
    """
    return taps.sums[0].abs().cpu().double().numpy() * batch_sequences


def joined(parts: Sequence[Importance]) -> Importance:
    """Join the sequences of micro-batches."""
    return np.concatenate(parts)


def measured(before: Utilities, importance: Importance) -> Utilities:
    """Return the running means after one more measured batch."""
    weight = FORGETTING * before.weight
    total = weight + len(importance)
    squares = FORGETTING**2 * before.weight_squares + len(importance)
    mean = (weight * before.mean + importance.sum(0)) / total
    moment = (weight * _second_moment(before) + np.square(importance).sum(0)) / total
    variance = np.maximum(moment - np.square(mean), 0.0)
    degrees = total**2 / squares - 1.0
    error = np.sqrt(variance / degrees) if degrees > 1e-9 else mean
    return Utilities(mean, error, weight=total, weight_squares=squares)


def _second_moment(u: Utilities) -> NDArray[np.float64]:
    if u.weight == 0.0:
        return np.zeros_like(u.mean)
    degrees = u.weight**2 / u.weight_squares - 1.0
    variance = np.square(u.error) * degrees if degrees > 1e-9 else 0.0
    return np.square(u.mean) + variance


@dataclass(frozen=True, slots=True, kw_only=True)
class UtilityFields:
    """The fields of a `MemberState` that hold utilities, under the same names."""

    head_utility: tuple[tuple[float, ...], ...] = ()
    ffn_utility: tuple[float, ...] = ()
    embedding_utility: float | None = None
    head_utility_error: tuple[tuple[float, ...], ...] = ()
    ffn_utility_error: tuple[float, ...] = ()
    embedding_utility_error: float | None = None
    utility_weight: float = 0.0
    utility_weight_squares: float = 0.0


def to_fields(utilities: Utilities, architecture: Architecture) -> UtilityFields:
    """Return utilities by layer, as a state holds them; empty where nothing was measured."""
    if utilities.weight == 0.0:
        return UtilityFields()
    heads, ffn, embedding = _by_layer(utilities.mean, architecture)
    heads_error, ffn_error, embedding_error = _by_layer(utilities.error, architecture)
    return UtilityFields(
        head_utility=heads,
        ffn_utility=ffn,
        embedding_utility=embedding,
        head_utility_error=heads_error,
        ffn_utility_error=ffn_error,
        embedding_utility_error=embedding_error,
        utility_weight=utilities.weight,
        utility_weight_squares=utilities.weight_squares,
    )


def from_state(state: MemberState) -> Utilities:
    """Return a state's utilities; nothing known where their shapes do not fit its architecture."""
    a = state.architecture
    fits = (
        state.utility_weight > 0.0
        and state.embedding_utility is not None
        and state.embedding_utility_error is not None
        and all(
            tuple(map(len, heads)) == a.num_heads and len(ffn) == a.num_layers
            for heads, ffn in (
                (state.head_utility, state.ffn_utility),
                (state.head_utility_error, state.ffn_utility_error),
            )
        )
    )
    if not fits:
        return no_utilities(a)
    mean = [*itertools.chain(*state.head_utility), *state.ffn_utility, state.embedding_utility]
    error = [
        *itertools.chain(*state.head_utility_error),
        *state.ffn_utility_error,
        state.embedding_utility_error,
    ]
    return Utilities(
        np.array(mean, dtype=np.float64),
        np.array(error, dtype=np.float64),
        weight=state.utility_weight,
        weight_squares=state.utility_weight_squares,
    )


def _by_layer(
    values: NDArray[np.float64],  # (N,)
    architecture: Architecture,
) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...], float]:
    remaining = iter(values.tolist())
    heads = tuple(tuple(itertools.islice(remaining, h)) for h in architecture.num_heads)
    ffn = tuple(itertools.islice(remaining, architecture.num_layers))
    return heads, ffn, next(remaining)


def tap_flops_per_token(architecture: Architecture) -> float:
    """Return the FLOPs of a measured token beyond its training: a product and a sum per channel.

    FFN blocks and the embedding are measured in the stream, d_model channels wide. The three
    statistics of each component are 5 more.
    """
    channels = (
        sum(architecture.num_heads) * architecture.head_dim
        + (architecture.num_layers + 1) * architecture.d_model
    )
    return 2.0 * channels + 5.0 * num_components(architecture)
