"""A finished search as files, made by hand: any genome, real weights, real text, no training."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from orchestrator.cache import CACHE_VARIABLE
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import (
    Assessed,
    Ledger,
    Ordered,
    Reported,
    Scored,
    SearchFinished,
    SearchStarted,
)
from orchestrator.run_config import RunConfig
from orchestrator.run_corpus import corpus_of
from orchestrator.run_directory import CHECKPOINTS
from orchestrator.tasks import StateKey
from search_spaces.genome import Genome, genome_to_json
from search_spaces.gpt.architecture import Architecture
from search_spaces.gpt.protocol import Protocol
from trainers.checkpoint import write_checkpoint
from trainers.member import Member
from trainers.settings import TrainerSettings

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported: nothing leaves this machine

WORDS = ["die", "Möwe", "zählt", "seven", "grey", "ships", "before", "dawn", "🐋", "and", "sings"]
CONTEXT = 16
TOKENS = 4096
ARCHITECTURE = {
    "vocab_size": 264, "context_length": CONTEXT, "num_layers": 2, "d_model": 32, "head_dim": 8,
    "num_heads": (3, 2), "num_kv_heads": (1, 2), "d_ff": (64, 48), "activation": "swiglu",
    "norm": "rms", "position": "rotary", "qk_norm": False, "tied_embeddings": True,
}  # fmt: skip
PROTOCOL = {
    "optimizer": "adamw", "learning_rate": 3e-3, "schedule": "wsd", "warmup_fraction": 0.1,
    "decay_fraction": 0.3, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95, "clip_norm": 1.0,
    "batch_tokens": 128, "batch_ramp": 2, "sequence_ramp": 2, "dropout": 0.1,
    "attention_lr_multiplier": 1.3, "ffn_lr_multiplier": 0.5, "embedding_lr_multiplier": 2.0,
    "data_mix": (1.0,),
}  # fmt: skip


def make_genome(**changes):
    """Return a small genome with some genes changed."""
    architecture = {k: changes.pop(k, v) for k, v in ARCHITECTURE.items()}
    protocol = {k: changes.pop(k, v) for k, v in PROTOCOL.items()}
    assert not changes
    return Genome(Architecture(**architecture), Protocol(**protocol))


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    """Two sources of real text, and a cache of their own for the session."""
    directory = tmp_path_factory.mktemp("texts")
    random = np.random.default_rng(0)
    for name, words in (("sea", WORDS), ("land", WORDS[::-1][:7])):
        documents = [" ".join(random.choice(words, 30)) + "." for _ in range(300)]
        lines = [json.dumps({"text": d}, ensure_ascii=False) + "\n" for d in documents]
        (directory / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return directory


@pytest.fixture(autouse=True, scope="session")
def _own_cache(texts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(texts / "cache"))
        yield


@pytest.fixture(scope="session")
def genome():
    return make_genome


@pytest.fixture
def searched(texts, tmp_path):
    """Return what makes a search of two members; member 1 has won with the genome given."""

    def make(winner, *, tokenizer="bytes", sources=("sea",), finished=True, **training):
        run = RunConfig.from_json(
            {
                "name": "made",
                "seed": 5,
                "corpus": {
                    "sources": [{"path": str(texts / f"{name}.jsonl")} for name in sources],
                    "tokenizer": tokenizer,
                    "vocabulary": 300 if tokenizer == "bpe" else None,
                    "context_length": CONTEXT,
                },
                "population": {"members": 2, "interval_tokens": TOKENS // 2},
                "budget": {"tokens": 2 * TOKENS},
                "training": {
                    "evaluation_sequences": 2, "evaluation_batches": 2, "heldout_batches": 2,
                    "utility_every": 3, **training,
                },
            }
        )  # fmt: skip
        corpus, _ = corpus_of(run)
        architecture = replace(winner.architecture, vocab_size=corpus.vocab_size)
        winner = Genome(architecture, winner.protocol)
        directory = tmp_path / f"search-{winner.digest}"
        directory.mkdir(exist_ok=True)
        settings = TrainerSettings(seed=5, horizon_tokens=TOKENS)
        with EventLog(directory / LOG_NAME) as log:
            log.append(list(_events(run, corpus, winner, finished=finished)))
        for member in (0, 1):
            made = Member.create(
                winner.architecture, winner.protocol, corpus=corpus, settings=settings,
                member_seed=member,
            )  # fmt: skip
            _stir(made.model, member)
            write_checkpoint(directory / CHECKPOINTS / str(StateKey(member, 1)), made.state())
        return directory

    return make


def _stir(model, seed):
    """Give every weight, norms and biases too, a value that shows in the logits."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(noise, alpha=0.15)


def _events(run, corpus, genome, *, finished):
    json_genome, interval = genome_to_json(genome), TOKENS // 2
    yield SearchStarted(
        run=run.deciding(),
        space={"name": "gpt"},
        corpus={
            "digest": corpus.digest,
            "sources": [
                {"name": s.name, "licence": s.licence} for s in corpus.manifest.sources
            ],
        },
        horizon_tokens=TOKENS,
        generations=2,
        environment={"run": run.beside(), "packages": {"torch": torch.__version__}},
    )  # fmt: skip
    for generation in (0, 1):
        for member in (0, 1):
            yield Ordered(
                member=member,
                generation=generation,
                decision="start" if generation == 0 else "continue",
                genome=json_genome,
                digest=genome.digest,
                proposer="uniform" if generation == 0 else None,
                source=None if generation == 0 else (member, 0),
                tokens=interval,
            )
        for member in (0, 1):
            loss = 3.0 - generation - 0.1 * member
            yield Reported(
                member=member, generation=generation, digest=genome.digest, parameters=1000,
                ledger=Ledger(tokens=(generation + 1) * interval), interval_tokens=interval,
                interval_flops=1e9, train_loss=loss, losses=(loss, loss), nats_per_token=loss,
                bits_per_byte=loss / 0.7, failure=None, morph=None, utilities=None, seconds=1.0,
                adoption_seconds=0.0, cpu_seconds=1.0, finished_at=0.0, worker=0, origin="live",
            )  # fmt: skip
        for member in (0, 1):
            fitness = generation - 3.0 + 0.1 * member
            yield Scored(member=member, generation=generation, fitness=fitness, parts={})
    if finished:
        yield Assessed(
            role="winner", member=1, generation=1, digest=genome.digest, parameters=1000,
            tokens=TOKENS, losses=(2.0, 2.0), nats_per_token=2.0, bits_per_byte=2.9, seconds=0.0,
        )  # fmt: skip
        yield SearchFinished(reason="budget", winner=1, generation=1, digest=genome.digest)
