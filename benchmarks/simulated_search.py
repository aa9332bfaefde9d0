"""A search whose members are not trained: real rules of a real run file, reports by a formula.

Reports are what a worker's are: as many losses, utilities, components and morphs, with as many
digits. Only their values are made up. Shared by the benchmarks of what a search costs beside its
training; not one itself.
"""

from __future__ import annotations

import math
import time
import zlib
from dataclasses import replace

import numpy as np

from orchestrator.component_game import ComponentGame, Measured
from orchestrator.events import Assessed, Reported
from orchestrator.run_config import RunConfig
from orchestrator.tasks import Train
from search_spaces.gpt.cost import count_parameters, flops_per_token

INTERVAL = 16_384
VARIANTS: dict[str, dict[str, object]] = {
    "default": {},
    "asynchronous": {"population": {"mode": "asynchronous"}},
    "annealing": {"fitness": {"horizon": "annealing"}},
    "power_law": {"fitness": {"horizon": "power_law"}},
    "game": {"fitness": {"nats_per_gflop": "front", "game": {}}},
    "optuna": {"proposers": [{"proposer": "optuna", "sampler": "TPESampler"}]},
}
"""What differs from a run file that says only what it must."""


def run(
    variant: str, *, members: int, generations: int, output: str = "runs", mlflow: bool = False
) -> RunConfig:
    """Return a run file: the space of `examples/demo.yaml`, all else as it is by default."""
    changes = VARIANTS[variant]
    population = {"members": members, "interval_tokens": INTERVAL}
    return RunConfig.model_validate(
        {
            "name": "simulated",
            "output": output,
            "corpus": {"sources": ["python_docs"]},
            "space": {
                "genes": {
                    "num_layers": {"integer": [1, 4]},
                    "d_model": {"integer": [64, 160], "step": 16},
                    "d_ff": {"integer": [128, 512], "step": 64},
                    "num_heads": {"integer": [1, 6]},
                    "head_dim": {"choice": [16, 32]},
                    "position": "rotary",
                    "batch_tokens": {"integer": [1024, 4096], "step": 256, "log": True},
                },
                "limits": {"parameters": 1_000_000},
            },
            "budget": {"tokens": members * INTERVAL * generations},
            "baseline": False,
            "mlflow": {"enabled": mlflow},
            **changes,
            "population": population | changes.get("population", {}),  # type: ignore[operator]
        }
    )


def answer(task, *, worker: int = 0, batches: int = 8) -> Reported | Assessed:
    """Give the report of a task: the same for the same task, clocks and places aside."""
    draw = np.random.default_rng(zlib.crc32(task.genome.digest.encode(), task.key.generation))
    architecture = task.genome.architecture
    if not isinstance(task, Train):
        losses = tuple(draw.normal(2.3, 0.05, 4 * batches).tolist())
        return Assessed(
            role=task.role, member=task.key.member, generation=task.key.generation,
            digest=task.genome.digest, parameters=count_parameters(architecture), tokens=0,
            losses=losses, nats_per_token=float(np.mean(losses)), bits_per_byte=3.3, seconds=2.0,
        )  # fmt: skip
    tokens = task.ledger.tokens + task.tokens
    off = abs(math.log(task.genome.protocol.learning_rate / 3e-3))
    size = 0.1 * math.log(1e6 / count_parameters(architecture))
    centre = 1.5 + 12.0 * tokens**-0.25 + 0.1 * off + size + draw.normal(0, 0.01)
    losses = tuple(draw.normal(centre, 0.03, batches).tolist())
    flops = task.tokens * flops_per_token(architecture, sequence_length=architecture.context_length)
    moved = task.source is not None and task.source.member != task.member
    game = None if task.price_of_play is None else _game(task, draw)
    mean = float(np.mean(losses))
    return Reported(
        member=task.member,
        generation=task.generation,
        digest=task.genome.digest,
        parameters=count_parameters(architecture),
        ledger=replace(task.ledger, tokens=tokens, flops=task.ledger.flops + flops),
        interval_tokens=task.tokens,
        interval_flops=flops,
        train_loss=mean + 0.05,
        losses=losses,
        nats_per_token=mean,
        bits_per_byte=mean / math.log(2),
        failure=None,
        morph=_morph(draw) if moved else None,
        utilities=_utilities(architecture, draw),
        game=None if game is None else game.to_json(),
        seconds=float(draw.gamma(50, 0.2)),
        adoption_seconds=float(draw.gamma(2, 0.01)),
        cpu_seconds=float(draw.gamma(50, 0.2)),
        finished_at=time.time(),
        worker=worker,
        origin="store" if moved else "live",
    )


def _utilities(architecture, draw):
    heads = [draw.gamma(2.0, 0.002, n).tolist() for n in architecture.num_heads]
    return {
        "heads": heads,
        "heads_se": [[0.1 * u for u in layer] for layer in heads],
        "ffn": draw.gamma(4.0, 0.003, architecture.num_layers).tolist(),
        "ffn_se": draw.gamma(2.0, 0.0005, architecture.num_layers).tolist(),
        "embedding": float(draw.gamma(4.0, 0.004)),
        "embedding_se": float(draw.gamma(2.0, 0.001)),
    }


def _morph(draw):
    change = float(draw.normal(0, 1e-4))
    return {
        "moves": ["widen d_model 96 -> 112", "add 1 head to layer 2", "narrow d_ff 448 -> 384"],
        "preserving": False,
        "carried": 0.9,
        "probe_loss_before": 2.8134567891234,
        "probe_loss_after": 2.8134567891234 + change,
        "probe_loss_change": change,
        "fresh_optimizer_slots": [],
    }


def _game(task, draw) -> ComponentGame:
    """Make up a game as `MemberHost` measures it: the 8 components most likely not to pay."""
    architecture, price = task.genome.architecture, task.price_of_play
    gflops = flops_per_token(architecture, sequence_length=128) / 1e9 / 20
    places = [
        ("head", layer, head)
        for layer, heads in enumerate(architecture.num_heads)
        for head in range(heads)
    ][:6]
    places += [("ffn", layer, 0) for layer in range(architecture.num_layers)][:2]
    measured = tuple(
        Measured(
            place=place,
            delta=float(draw.normal(0.01, 0.01)),
            standard_error=float(draw.gamma(2, 0.001)),
            gflops=gflops,
        )
        for place in places
    )
    gone = [m for m in measured if m.surplus(price=price, margin=2.0) < -0.01][:2]
    return ComponentGame(
        price=price, margin=2.0, removed=tuple(m.place for m in gone),
        rise=sum(m.delta for m in gone), rise_error=1e-4, saved_gflops=gflops * len(gone),
        measured=measured, components=sum(architecture.num_heads) + architecture.num_layers,
        base_loss=2.5123456789, sequences=8, evaluations=12, flops=1.23456789e11,
        exploitability=sum(max(0.0, -m.surplus(price=price, margin=2.0)) for m in measured),
        exploitability_error=float(draw.gamma(2, 0.001)),
    )  # fmt: skip
