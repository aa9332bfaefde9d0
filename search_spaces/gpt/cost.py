"""What a genome costs, by formula: parameters, FLOPs per token, peak training memory.

Legend: V vocabulary, C d_model, D head_dim, H query heads, K key-value heads, F hidden units,
T sequence length, L layers; sums run over layers. All functions cost microseconds, so that the
feasibility of ten thousand genomes is known before anything is launched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture
    from search_spaces.gpt.protocol import Protocol

STATE_BYTES = 4
"""Optimizers keep their moments in float32 whatever the weights are."""
LOGITS_BYTES = 4
"""The loss is taken in float32."""


def matrix_parameters(a: Architecture) -> int:
    """Count the weights of all layers' matrices: `sum_l 2 C D (H + K) + n C F`, n = 3 if gated."""
    attention = 2 * a.d_model * a.head_dim * (sum(a.num_heads) + sum(a.num_kv_heads))
    ffn_matrices = 3 if a.activation == "swiglu" else 2
    return attention + ffn_matrices * a.d_model * sum(a.d_ff)


def vector_parameters(a: Architecture) -> int:
    """Count the gains and biases of all norms."""
    per_norm = a.d_model * (2 if a.norm == "layer" else 1)
    return (2 * a.num_layers + 1) * per_norm + (2 * a.head_dim * a.num_layers if a.qk_norm else 0)


def embedding_parameters(a: Architecture) -> int:
    """Count the tables that read tokens in and out, and learned positions."""
    tables = 1 if a.tied_embeddings else 2
    positions = a.context_length if a.position == "learned" else 0
    return a.d_model * (tables * a.vocab_size + positions)


def count_parameters(architecture: Architecture) -> int:
    """Count all weights, exactly as many as `trainers.model.Transformer` has."""
    return (
        matrix_parameters(architecture)
        + vector_parameters(architecture)
        + embedding_parameters(architecture)
    )


def count_non_embedding_parameters(architecture: Architecture) -> int:
    """Count the weights that are not embeddings, positions or readout: the N of many laws."""
    return matrix_parameters(architecture) + vector_parameters(architecture)


def forward_flops_per_token(architecture: Architecture, *, sequence_length: int) -> float:
    """Return the FLOPs of one token's forward pass.

    Two a weight of each matrix, readout included (Kaplan et al. 2020, arXiv:2001.08361, table 1),
    and the causal half of the attention: scores and mixing cost 2 * 2 D H T / 2 a layer.
    """
    a = architecture
    weights = matrix_parameters(a) + a.d_model * a.vocab_size
    attention = 2 * sequence_length * a.head_dim * sum(a.num_heads)
    return float(2 * weights + attention)


def flops_per_token(architecture: Architecture, *, sequence_length: int) -> float:
    """Return the FLOPs of training on one token: forward, and twice that backward."""
    return 3.0 * forward_flops_per_token(architecture, sequence_length=sequence_length)


def optimizer_slots(a: Architecture, protocol: Protocol) -> int:
    """Count the numbers that the optimizer keeps."""
    match protocol.optimizer:
        case "adamw":
            return 2 * count_parameters(a)
        case "muon":  # one momentum a hidden matrix, AdamW for the rest
            return 2 * count_parameters(a) - matrix_parameters(a)
        case "lion" | "sgd":
            return count_parameters(a)


def activation_numbers_per_token(a: Architecture, protocol: Protocol) -> int:
    """Count the numbers that a measured forward pass keeps for the backward pass, logits aside.

    A layer keeps: both norms' inputs and outputs (4 C; RMS norms also their rescaled inputs),
    queries, keys, values, mixed values and the concatenated heads (D (3 H + 2 K)), the hidden
    units before and after the nonlinearity (2 F; gated 4 F), dropout's masks; under ALiBi also the
    attention of every head (H T) and key-value heads repeated for their group. Measuring keeps what
    the feed-forward block says (C) beside.
    """
    stream = 5 + (2 if a.norm == "rms" else 0) + (2 if protocol.dropout > 0 else 0)
    heads, kv_heads = sum(a.num_heads), sum(a.num_kv_heads)
    attention = a.head_dim * (3 * heads + 2 * kv_heads)
    if a.qk_norm:
        attention += 3 * a.head_dim * (heads + kv_heads)
    if a.position == "alibi":  # a bias per head leaves the fused kernel: attention is kept
        attention += a.context_length * heads
        grouped = (h for h, k in zip(a.num_heads, a.num_kv_heads, strict=True) if h != k)
        attention += 2 * a.head_dim * sum(grouped)
    hidden = (4 if a.activation == "swiglu" else 2) * sum(a.d_ff)
    return a.num_layers * stream * a.d_model + attention + hidden + 3 * a.d_model


def training_memory_bytes(
    architecture: Architecture,
    protocol: Protocol,
    *,
    bytes_per_weight: int = 4,
    micro_batch_tokens: int | None = None,
) -> int:
    """Return the peak bytes of one training step: weights, gradients, moments, activations, logits.

    Args:
        architecture: The model.
        protocol: Its optimizer, dropout and batch.
        bytes_per_weight: Of weights, gradients and activations: 4 for float32, 2 for bfloat16.
        micro_batch_tokens: Tokens that go through the model at once; the whole batch if None.

    Returns:
        Bytes; activations agree within 25 % with what autograd keeps on the CPU in float32 (tested
        by saved-tensor hooks). Buffers of kernels and of the allocator are not counted.
    """
    a = architecture
    tokens = min(protocol.batch_tokens, micro_batch_tokens or protocol.batch_tokens)
    parameters = count_parameters(a)
    activations = tokens * activation_numbers_per_token(a, protocol) * bytes_per_weight
    # log-probabilities kept for backward, and logits or their gradient beside them
    logits = 2 * tokens * a.vocab_size * LOGITS_BYTES
    weights = 2 * parameters * bytes_per_weight
    return weights + optimizer_slots(a, protocol) * STATE_BYTES + activations + logits
