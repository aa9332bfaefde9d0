"""What of a genome and its run the script has to know: facts for its parts, constants on top."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search_spaces.genome import Genome

FACTS = frozenset(
    {
        *("rms", "layer"),
        *("rotary", "learned", "alibi"),
        *("swiglu", "relu2", "gelu"),
        *("qk_norm", "tied", "grouped", "dropout"),
        *("adamw", "lion", "muon", "sgd"),
        *("constant", "cosine", "linear", "wsd"),
        *("ramps", "multipliers", "mixed", "micro", "bfloat16"),
    }
)
"""All that a piece may ask for."""
GENES = frozenset(
    {
        *("vocab_size", "context_length", "num_layers", "d_model", "head_dim", "num_heads"),
        *("num_kv_heads", "d_ff", "activation", "norm", "position", "qk_norm", "tied_embeddings"),
        *("optimizer", "learning_rate", "schedule", "warmup_fraction", "decay_fraction"),
        *("weight_decay", "beta1", "beta2", "clip_norm", "batch_tokens", "batch_ramp"),
        *("sequence_ramp", "dropout", "attention_lr_multiplier", "ffn_lr_multiplier"),
        *("embedding_lr_multiplier", "data_mix"),
    }
)
"""All that the pieces and constants express."""
OF_THE_SEARCH = frozenset({"price_multiplier"})
"""Genes that decide what becomes of a member's children, and nothing of its own training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What the run, and no genome, decides about the training."""

    tokens: int
    """Of the member's lineage."""
    horizon_tokens: int
    interval_tokens: int
    seed: int
    """Of data order and dropout."""
    weights_seed: int
    """Of the generator of first weights."""
    threads: int
    device: str
    bfloat16: bool
    micro_batch_tokens: int | None


def facts_of(genome: Genome, course: Course) -> frozenset[str]:
    """Return the facts that hold."""
    a, p = genome.architecture, genome.protocol
    multipliers = p.attention_lr_multiplier, p.ffn_lr_multiplier, p.embedding_lr_multiplier
    held = {
        "qk_norm": a.qk_norm,
        "tied": a.tied_embeddings,
        "grouped": a.num_heads != a.num_kv_heads,
        "dropout": p.dropout > 0.0,
        "ramps": (p.batch_ramp, p.sequence_ramp) != (1, 1),
        "multipliers": multipliers != (1.0, 1.0, 1.0),
        "mixed": len(p.data_mix) > 1,
        "micro": course.micro_batch_tokens is not None,
        "bfloat16": course.bfloat16,
    }
    named = {a.norm, a.position, a.activation, p.optimizer, p.schedule}
    return frozenset({*named, *(name for name, does in held.items() if does)})


def unexpressed(genome: Genome) -> tuple[tuple[str, object, object], ...]:
    """Return (gene, value, nearest) of genes that the script knows nothing of.

    Such genes came later and have defaults, which stand for training as it was without them.
    """
    return tuple(
        (field.name, value, field.default)
        for half in (genome.architecture, genome.protocol)
        for field in dataclasses.fields(half)
        if field.name not in GENES | OF_THE_SEARCH
        and (value := getattr(half, field.name)) != field.default
    )


def constants(genome: Genome, course: Course) -> str:
    """Return the constants at the top of the script, those that its parts use."""
    a, p = genome.architecture, genome.protocol
    facts = facts_of(genome, course)
    paragraphs: tuple[tuple[tuple[str, object, str, bool], ...], ...] = (
        (
            ("TOKENS", course.tokens, "trained in all", True),
            ("HORIZON", course.horizon_tokens, "tokens at which schedules end", True),
            ("INTERVAL", course.interval_tokens, "tokens between two evaluations", True),
            ("SEED", course.seed, "of data order and dropout", True),
            ("WEIGHTS_SEED", course.weights_seed, "", True),
            ("DEVICE", course.device, "", True),
            ("THREADS", course.threads, "of one CPU operator: sums depend on it", True),
        ),
        (
            ("VOCABULARY", a.vocab_size, "", True),
            ("CONTEXT", a.context_length, "tokens in the longest sequence", True),
            ("D_MODEL", a.d_model, "", True),
            ("HEAD_DIM", a.head_dim, "", True),
            ("NUM_HEADS", a.num_heads, "of each layer", True),
            ("NUM_KV_HEADS", a.num_kv_heads, "", True),
            ("D_FF", a.d_ff, "", True),
            ("NORM_EPSILON", 1e-10, "", True),
        ),
        (
            ("LEARNING_RATE", p.learning_rate, "at its peak", True),
            ("WARMUP_FRACTION", p.warmup_fraction, "of the horizon", True),
            ("DECAY_FRACTION", p.decay_fraction, "of the horizon", "wsd" in facts),
            ("WEIGHT_DECAY", p.weight_decay, "", True),
            ("BETA1", p.beta1, "", True),
            ("BETA2", p.beta2, "", "sgd" not in facts),
            ("CLIP_NORM", p.clip_norm, "of the gradient of all parameters", True),
            ("BATCH_TOKENS", p.batch_tokens, "", True),
            ("BATCH_RAMP", p.batch_ramp, "starts at 1 / ramp and doubles", "ramps" in facts),
            ("SEQUENCE_RAMP", p.sequence_ramp, "", "ramps" in facts),
            ("MICRO_BATCH_TOKENS", course.micro_batch_tokens, "", "micro" in facts),
            ("DROPOUT", p.dropout, "of what a branch adds to the stream", "dropout" in facts),
            ("ATTENTION_LR_MULTIPLIER", p.attention_lr_multiplier, "", "multipliers" in facts),
            ("FFN_LR_MULTIPLIER", p.ffn_lr_multiplier, "", "multipliers" in facts),
            ("EMBEDDING_LR_MULTIPLIER", p.embedding_lr_multiplier, "", "multipliers" in facts),
            ("DATA_MIX", p.data_mix, "share of windows from each source", "mixed" in facts),
        ),
    )
    used = ([line[:3] for line in paragraph if line[3]] for paragraph in paragraphs)
    return as_constants(*used)


def as_constants(*paragraphs: Sequence[tuple[str, object, str]]) -> str:
    """Return Python that sets (name, value, note) after (name, value, note), exactly."""
    return "\n".join("".join(_line(*line) for line in paragraph) for paragraph in paragraphs)


def _line(name: str, value: object, note: str) -> str:
    written = f'"{value}"' if isinstance(value, str) else _grouped(value)
    return f"{name} = {written}" + (f"  # {note}\n" if note else "\n")


def _grouped(value: object) -> str:
    """Write a number with its thousands apart, exactly."""
    return f"{value:_}" if type(value) is int and value < 1 << 53 else repr(value)
