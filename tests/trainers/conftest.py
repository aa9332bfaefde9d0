"""Tiny genomes and a tiny corpus of the tests of trainers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from search_spaces.gpt.architecture import Architecture
from search_spaces.gpt.protocol import Protocol
from trainers.data import CorpusSpec, SourceSpec, prepare_corpus
from trainers.member import Member
from trainers.settings import TrainerSettings

WORDS = [
    "the",
    "old",
    "lighthouse",
    "keeper",
    "counts",
    "seven",
    "grey",
    "ships",
    "before",
    "dawn",
    "and",
    "writes",
    "their",
    "names",
]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Prepare a real corpus of bytes: 300 documents of a few words, windows of 16 tokens."""
    directory = tmp_path_factory.mktemp("corpus")
    random = np.random.default_rng(0)
    documents = [" ".join(random.choice(WORDS, 30)) + "." for _ in range(300)]
    path = directory / "documents.jsonl"
    path.write_text("".join(json.dumps({"text": d}) + "\n" for d in documents))
    source = SourceSpec.file(str(path))
    return prepare_corpus(CorpusSpec(sources=(source,), context_length=16), directory / "cache")


def make_architecture(**changes):
    values = {
        "vocab_size": 264, "context_length": 16, "num_layers": 2, "d_model": 32, "head_dim": 8,
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
