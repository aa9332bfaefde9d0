"""The space `gpt`: all genes of `Architecture` and `Protocol`, their laws and a sensible centre."""

from __future__ import annotations

from search_spaces.domains import Choice
from search_spaces.genes import genes_of
from search_spaces.genome import Genome
from search_spaces.gpt.architecture import Architecture
from search_spaces.gpt.batches import BatchHoldsSequence, RampsDouble, WarmupBeforeDecay
from search_spaces.gpt.budget import WithinBudget
from search_spaces.gpt.heads import KvHeadsDivideHeads, RotaryNeedsEvenHeads
from search_spaces.gpt.protocol import Protocol
from search_spaces.space import Space

CENTRE = Genome(
    architecture=Architecture(
        vocab_size=256,
        context_length=128,
        num_layers=4,
        d_model=128,
        head_dim=32,
        num_heads=(4,) * 4,
        num_kv_heads=(4,) * 4,
        d_ff=(512,) * 4,
        activation="gelu",
        norm="rms",
        position="rotary",
        qk_norm=False,
        tied_embeddings=True,
    ),
    protocol=Protocol(
        optimizer="adamw",
        learning_rate=3e-3,
        schedule="cosine",
        warmup_fraction=0.02,
        decay_fraction=0.2,
        weight_decay=0.1,
        beta1=0.9,
        beta2=0.95,
        clip_norm=1.0,
        batch_tokens=2048,
        batch_ramp=1,
        sequence_ramp=1,
        dropout=0.0,
        attention_lr_multiplier=1.0,
        ffn_lr_multiplier=1.0,
        embedding_lr_multiplier=1.0,
        data_mix=(1.0,),
    ),
)
"""What small language models are commonly trained with (nanoGPT's ratios, AdamW 0.9 / 0.95)."""

GPT = Space(
    name="gpt",
    genes=genes_of(Architecture, "architecture") + genes_of(Protocol, "protocol"),
    centre=CENTRE,
    constraints=(
        RotaryNeedsEvenHeads(),
        KvHeadsDivideHeads(),
        RampsDouble(),
        BatchHoldsSequence(),
        WarmupBeforeDecay(),
        WithinBudget(),
    ),
).narrowed(payoff_sharing=Choice((0.0,)), price_multiplier=Choice((1.0,)))
"""Decoder-only transformers, layer by layer, and everything that decides how they are trained.
Payoff sharing is held at 0 (ordinary training) and the multiplier of the price at 1: a run file
opens them, `{real: [-1, 1]}` and `{real: [0.25, 4], log: true}`."""
