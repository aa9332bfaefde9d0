"""How long `masga compare` takes for large populations, on logs made up for it.

python benchmarks/compare_searches.py --members 1000 --generations 10 --searches 2

The logs have everything that a real search of the space `gpt` writes (genomes, per-component
utilities, morphs, scores), with losses from a formula. What is timed is the whole command, in a
process of its own; the parts are timed apart in this one.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from orchestrator.event_log import EventLog, read_log
from orchestrator.events import (
    Assessed,
    GenerationClosed,
    Ledger,
    Ordered,
    Reported,
    Scored,
    SearchFinished,
    SearchStarted,
)
from search_spaces.genome import Genome, genome_to_json
from search_spaces.gpt.space import GPT

INTERVAL = 16_384
QUARTER = 4


def write_search(directory: Path, *, members: int, generations: int, seed: int) -> None:
    """Write the log of a made-up search: every generation a quarter adopts and mutates."""
    rng = np.random.default_rng(seed)
    space = GPT.with_constants(vocab_size=264, context_length=128)
    genomes = [space.sample(rng) for _ in range(members)]
    tokens = np.zeros(members, dtype=int)
    decisions: list[tuple[str, int | None]] = [("start", None)] * members
    directory.mkdir(parents=True)
    with EventLog(directory / "events.jsonl") as log:
        log.append([_started(space.to_json(), members, generations, seed)])
        for generation in range(generations):
            events = [_ordered(m, generation, genomes[m], *decisions[m]) for m in range(members)]
            losses = np.array([_loss(g, generation, rng) for g in genomes])
            tokens += INTERVAL
            events += [
                _reported(m, generation, genomes[m], losses[m], tokens=int(tokens[m]), rng=rng)
                for m in range(members)
            ]
            for m in range(members):
                parts = {"loss_present": losses[m], "horizon_correction": 0.0, "cost_price": 0.0}
                events.append(
                    Scored(
                        member=m,
                        generation=generation,
                        fitness=-float(losses[m]),
                        parts={"value": -float(losses[m]), "parts": parts, "horizon": "present"},
                    )
                )
            best = int(losses.argmin())
            events.append(
                GenerationClosed(
                    generation=generation,
                    best_member=best,
                    best_loss=float(losses[best]),
                    best_fitness=-float(losses[best]),
                    tokens=int((generation + 1) * members * INTERVAL),
                    flops=1e9 * (generation + 1) * members,
                )
            )
            log.append(events)
            ranked = losses.argsort()
            decisions = [("continue", None)] * members
            for place, m in enumerate(ranked[-members // QUARTER :]):
                donor = int(ranked[place])
                genomes[m] = space.mutate(genomes[donor], rng)
                decisions[m] = ("replace", donor)
        held_out = tuple(float(losses.min()) + rng.normal(0, 0.05, 32))
        log.append(
            [
                _assessed("winner", best, generations - 1, genomes[best], held_out),
                SearchFinished(
                    reason="budget",
                    winner=best,
                    generation=generations - 1,
                    digest=genomes[best].digest,
                ),
            ]
        )


def _started(space: dict[str, object], members: int, generations: int, seed: int) -> SearchStarted:
    return SearchStarted(
        run={
            "name": "made-up",
            "seed": seed,
            "corpus": {"context_length": 128},
            "population": {"members": members, "interval_tokens": INTERVAL},
            "budget": {"tokens": members * generations * INTERVAL, "flops": None},
            "selection": {"policy": "truncation"},
            "proposers": [{"proposer": "mutation", "weight": 1.0}],
            "training": {"evaluation_sequences": 16, "evaluation_batches": 8},
        },
        space=space,
        corpus={"digest": "0" * 16},
        horizon_tokens=generations * INTERVAL,
        generations=generations,
        environment={},
    )


def _loss(genome: Genome, generation: int, rng: np.random.Generator) -> float:
    off = abs(np.log(genome.protocol.learning_rate / 3e-3))
    return float(2 + 2 / (generation + 1) + 0.2 * off + rng.normal(0, 0.02))


def _ordered(
    member: int, generation: int, genome: Genome, decision: str, donor: int | None
) -> Ordered:
    source = None if generation == 0 else (member if donor is None else donor, generation - 1)
    return Ordered(
        member=member,
        generation=generation,
        decision=decision,
        genome=genome_to_json(genome),
        digest=genome.digest,
        donor=donor,
        proposer=None if decision == "continue" else "mutation",
        source=source,
        tokens=INTERVAL,
    )


def _reported(
    member: int,
    generation: int,
    genome: Genome,
    loss: float,
    *,
    tokens: int,
    rng: np.random.Generator,
) -> Reported:
    heads = [[float(u) for u in rng.random(n)] for n in genome.architecture.num_heads]
    layers = genome.architecture.num_layers
    return Reported(
        member=member,
        generation=generation,
        digest=genome.digest,
        parameters=500_000,
        ledger=Ledger(tokens=tokens, flops=1e6 * tokens),
        interval_tokens=INTERVAL,
        interval_flops=1e9,
        train_loss=loss + 0.1,
        losses=tuple(float(x) for x in loss + rng.normal(0, 0.05, 8)),
        nats_per_token=loss,
        bits_per_byte=loss / 0.69,
        failure=None,
        morph=None,
        utilities={
            "heads": heads,
            "heads_se": heads,
            "ffn": [float(u) for u in rng.random(layers)],
            "ffn_se": [float(u) for u in rng.random(layers)],
            "embedding": 0.03,
            "embedding_se": 0.003,
        },
        seconds=2.0,
        adoption_seconds=0.1,
        cpu_seconds=1.9,
        finished_at=1.75e9 + tokens,
        worker=member % 8,
        origin="live",
    )


def _assessed(
    role: str, member: int, generation: int, genome: Genome, losses: tuple[float, ...]
) -> Assessed:
    mean = sum(losses) / len(losses)
    return Assessed(
        role=role,
        member=member,
        generation=generation,
        digest=genome.digest,
        parameters=500_000,
        tokens=INTERVAL,
        losses=losses,
        nats_per_token=mean,
        bits_per_byte=mean / 0.69,
        seconds=1.0,
    )


def _processor_seconds() -> float:
    """Of the commands that have ended: what other processes do does not count in it."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--generations", type=int, default=10)
    parser.add_argument("--searches", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="write the logs here and leave them")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = arguments.keep or Path(temporary)
        directories = [place / f"search-{at}" for at in range(arguments.searches)]
        for seed, directory in enumerate(directories):
            write_search(
                directory,
                members=arguments.members,
                generations=arguments.generations,
                seed=seed,
            )
        log = directories[0] / "events.jsonl"
        begun = time.perf_counter()
        events = len(read_log(log)[0])
        reading = time.perf_counter() - begun
        size = log.stat().st_size / 1e6
        print(f"a log: {events:,} events, {size:.0f} MB, read in {reading:.2f} s")
        command = [sys.executable, "-m", "orchestrator.cli", "compare", *map(str, directories)]
        page = ["--html", str(place / "page.html")]
        for what, more in (("tables", []), ("JSON", ["--json"]), ("tables and page", page)):
            walls, busy = [], []
            for _ in range(arguments.rounds):
                begun, worked = time.perf_counter(), _processor_seconds()
                done = subprocess.run([*command, *more], check=True, capture_output=True)
                walls.append(time.perf_counter() - begun)
                busy.append(_processor_seconds() - worked)
            told = f", {len(done.stdout) / 1e3:.0f} kB" if what == "JSON" else ""
            told += f", {(place / 'page.html').stat().st_size / 1e3:.0f} kB" if more == page else ""
            print(
                f"{what}: {min(walls):.2f} s (median {np.median(walls):.2f}), "
                f"{min(busy):.2f} s of processor time{told}"
            )
            if what == "JSON":
                json.loads(done.stdout)


if __name__ == "__main__":
    main()
