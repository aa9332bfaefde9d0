"""Tiny genomes and a tiny corpus for the tests of trainers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from search_spaces.gpt.architecture import Architecture
from search_spaces.gpt.protocol import Protocol
from trainers.member import Member
from trainers.settings import TrainerSettings
from trainers.state import Position


@dataclass(frozen=True)
class FakeBatch:
    tokens: Tensor
    byte_count: int


class FakeCorpus:
    vocab_size = 32
    context_length = 16
    num_sources = 1

    def start(self):
        return Position(tokens=0, windows=(0,), steps=0)

    def batch(self, position, *, seed, sequences, length, mix):
        rows = []
        for i in range(sequences):
            g = torch.Generator().manual_seed(seed * 1_000_003 + position.tokens + i * length)
            start = torch.randint(0, self.vocab_size, (1,), generator=g)
            noise = torch.randint(0, 2, (length + 1,), generator=g)
            rows.append((start + torch.arange(length + 1) * 3 + noise) % self.vocab_size)
        tokens = position.tokens + sequences * length
        after = replace(position, tokens=tokens, windows=(tokens // self.context_length,))
        return torch.stack(rows), after

    def evaluation_batches(self, split, *, sequences, count):
        return tuple(
            FakeBatch(
                self.batch(
                    Position(tokens=10_000_000 + 1_000 * i, windows=(0,), steps=0),
                    seed=len(split),
                    sequences=sequences,
                    length=self.context_length,
                    mix=(1.0,),
                )[0],
                2 * sequences * self.context_length,
            )
            for i in range(count)
        )


def make_architecture(**changes):
    values = {
        "vocab_size": 32, "context_length": 16, "num_layers": 2, "d_model": 32, "head_dim": 8,
        "num_heads": (4, 2), "num_kv_heads": (2, 1), "d_ff": (64, 32), "activation": "swiglu",
        "norm": "rms", "position": "rotary", "qk_norm": True, "tied_embeddings": False,
    }  # fmt: skip
    return Architecture(**{**values, **changes})


def make_protocol(**changes):
    values = {
        "optimizer": "adamw", "learning_rate": 3e-3, "schedule": "wsd", "warmup_fraction": 0.05,
        "decay_fraction": 0.2, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95, "clip_norm": 1.0,
        "batch_tokens": 128, "batch_ramp": 2, "sequence_ramp": 2, "dropout": 0.1,
        "attention_lr_multiplier": 1.0, "ffn_lr_multiplier": 0.5, "embedding_lr_multiplier": 2.0,
        "data_mix": (1.0,),
    }  # fmt: skip
    return Protocol(**{**values, **changes})


def make_settings(**changes):
    values = {
        "seed": 1, "horizon_tokens": 16 * 512, "utility_every": 2,
        "evaluation_sequences": 4, "evaluation_batches": 2,
    }  # fmt: skip
    return TrainerSettings(**{**values, **changes})


@pytest.fixture
def corpus():
    return FakeCorpus()


@pytest.fixture
def architecture():
    """Make an architecture: two heterogeneous layers but for what is given."""
    return make_architecture


@pytest.fixture
def protocol():
    """Make a protocol with ramps and dropout but for what is given."""
    return make_protocol


@pytest.fixture
def settings():
    return make_settings


@pytest.fixture
def make_member(corpus):
    """Make a member of 2 layers; keywords change its architecture or its protocol."""

    def make(*, seed=0, run=None, **changes):
        fields = Architecture.__dataclass_fields__
        return Member.create(
            make_architecture(**{k: v for k, v in changes.items() if k in fields}),
            make_protocol(**{k: v for k, v in changes.items() if k not in fields}),
            corpus=corpus,
            settings=run or make_settings(),
            member_seed=seed,
        )

    return make
