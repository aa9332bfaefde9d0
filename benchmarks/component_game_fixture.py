"""Make the component game of the tests: a trained model of 4 x 4 heads and all its 65,536 values.

    python benchmarks/component_game_fixture.py [--out tests/data/component_game] [--tokens 2000000]

Trains on the documentation of Python that comes with it, so that nothing is downloaded; takes some
minutes on one core. The directory then holds

    model.safetensors   weights in float16 precision; its metadata has the architecture
    tokens.npy          uint16 (16, 65), the game batch
    values.npy          float32 (65536,), v(S) in nats per token by mask of the heads, by layer:
                        feed-forward blocks and embedding are always present, zero-ablation

It prints how many block evaluations sharing has saved.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from orchestrator.game.coalitions import all_coalitions
from search_spaces.gpt.architecture import Architecture
from search_spaces.gpt.space import GPT
from trainers.data import CorpusSpec, SourceSpec, prepare_corpus
from trainers.measurement import coalition_losses, components_of
from trainers.member import Member
from trainers.serialisation import serialise
from trainers.settings import TrainerSettings

LAYERS, HEADS = 4, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("tests/data/component_game"))
    parser.add_argument("--tokens", type=int, default=2_000_000, help="(default: %(default)s)")
    parser.add_argument("--cache", type=Path, help="of the corpus (default: temporary)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        make(options.out, options.tokens // 2048 * 2048, options.cache or Path(temporary))


def make(out: Path, tokens: int, cache: Path) -> None:
    spec = CorpusSpec(sources=(SourceSpec.named("python_docs"),), context_length=64)
    corpus = prepare_corpus(spec, cache)
    genome = GPT.with_constants(vocab_size=corpus.vocab_size, context_length=64).default()
    architecture = Architecture(
        **{
            **asdict(genome.architecture),
            "num_layers": LAYERS, "d_model": 48, "head_dim": 12, "num_heads": (HEADS,) * LAYERS,
            "num_kv_heads": (HEADS,) * LAYERS, "d_ff": (96,) * LAYERS,
        }
    )  # fmt: skip
    member = Member.create(
        architecture,
        replace(genome.protocol, batch_tokens=2048),
        corpus=corpus,
        settings=TrainerSettings(seed=0, horizon_tokens=tokens, utility_every=0),
        member_seed=0,
    )
    interval = tokens // 2048 // 8 * 2048
    while (done := member.position.tokens) < tokens:
        trained = member.train(min(interval, tokens - done))
        if trained.failure is not None:
            raise SystemExit(trained.failure)
        print(f"{member.position.tokens:>9,} tokens, {trained.mean_train_loss:.4f} nats per token")
    model = member.model
    with torch.no_grad():
        for parameter in model.parameters():  # the game is that of the weights as they are kept
            parameter.copy_(parameter.half())
    batches = corpus.evaluation_batches("game", sequences=16, count=1)
    components = components_of(architecture)
    heads = all_coalitions(LAYERS * HEADS)
    rows = np.ones((len(heads), len(components)), dtype=np.bool_)
    rows[:, : heads.shape[1]] = heads
    begun = time.perf_counter()
    measured = coalition_losses(model, batches, rows, components=components)
    spent = measured.spent
    print(
        f"{spent.coalitions:,} coalitions in {time.perf_counter() - begun:.0f} s: "
        f"{spent.block_evaluations:,} block evaluations, {spent.times_fewer:.1f} times fewer than "
        f"the {spent.plain_block_evaluations:,} of one forward pass each"
    )
    out.mkdir(parents=True, exist_ok=True)
    weights = {name: p.detach().half() for name, p in model.named_parameters()}
    metadata = {"architecture": json.dumps(asdict(architecture))}
    (out / "model.safetensors").write_bytes(b"".join(serialise(weights, metadata)))
    np.save(out / "tokens.npy", batches[0].tokens.numpy().astype(np.uint16))
    np.save(out / "values.npy", measured.values.astype(np.float32))


if __name__ == "__main__":
    main()
