"""How long `masga sync` takes, and how long a search waits for its record.

Tells a search of its own: MEMBERS x GENERATIONS intervals in segments of POINTS intervals, with the
genomes, utilities and fitness parts of the space `gpt`. By default 1,000 segments of 50 points.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

from orchestrator.adapters.mlflow.observer import MlflowRecord
from orchestrator.adapters.mlflow.sync import sync
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import (
    Event,
    GenerationClosed,
    Ledger,
    Ordered,
    Reported,
    Scored,
    SearchStarted,
)
from orchestrator.run_config import BudgetConfig, MlflowConfig, RunConfig
from search_spaces.genome import genome_to_json
from search_spaces.gpt.space import GPT

INTERVAL_TOKENS = 16_384
UTILITIES = {
    "heads": [[0.004, 0.003, 0.002, 0.001]] * 4,
    "heads_se": [[0.0004, 0.0003, 0.0002, 0.0001]] * 4,
    "ffn": [0.013, 0.009, 0.010, 0.017],
    "ffn_se": [0.001, 0.0009, 0.001, 0.002],
    "embedding": 0.02,
    "embedding_se": 0.003,
}


def tell(members: int, generations: int, points: int):
    """Yield a search, one generation at a time; every member is replaced every POINTS."""
    space = GPT.with_constants(vocab_size=264, context_length=128)
    genome = genome_to_json(space.default())
    digest = space.default().digest
    run = RunConfig(budget=BudgetConfig(tokens=members * generations * INTERVAL_TOKENS))
    yield [
        SearchStarted(
            run=run.deciding(),
            space=space.to_json(),
            corpus={"digest": "0123456789abcdef", "documents": {"train": 9000}},
            horizon_tokens=generations * INTERVAL_TOKENS,
            generations=generations,
            environment={"run": run.beside(), "began_at": 1.7e9},
        )
    ]
    for generation in range(generations):
        events: list[Event] = []
        for member in range(members):
            begins = generation % points == 0
            source = (member, generation - 1) if generation else None
            decision = "continue" if not begins else "replace" if generation else "start"
            donor = (member + 1) % members if decision == "replace" else None
            if donor is not None:
                source = (donor, generation - 1)
            events.append(
                Ordered(
                    member=member, generation=generation, decision=decision, genome=genome,
                    digest=digest, donor=donor, proposer="mutation" if begins else None,
                    source=source, tokens=INTERVAL_TOKENS,
                )
            )  # fmt: skip
        for member in range(members):
            tokens = (generation + 1) * INTERVAL_TOKENS
            loss = 3.0 + 1.0 / (1 + generation) + member * 1e-4
            report = Reported(
                member=member, generation=generation, digest=digest, parameters=830_000,
                ledger=Ledger(tokens=tokens, flops=5e6 * tokens), interval_tokens=INTERVAL_TOKENS,
                interval_flops=5e6 * INTERVAL_TOKENS, train_loss=loss + 0.1, losses=(loss,) * 8,
                nats_per_token=loss, bits_per_byte=loss * 1.44, failure=None, morph=None,
                utilities=UTILITIES, seconds=2.0, adoption_seconds=0.01, cpu_seconds=1.9,
                finished_at=1.7e9 + 2.0 * generation + member * 1e-3, worker=0, origin="live",
            )  # fmt: skip
            parts = {"loss_present": loss, "horizon_correction": 0.0, "cost_price": 0.02}
            score = Scored(
                member=member, generation=generation, fitness=-loss, parts={"parts": parts}
            )
            events += [report, score]
        closed = GenerationClosed(
            generation=generation, best_member=0, best_loss=3.0 + 1.0 / (1 + generation),
            best_fitness=-3.0, tokens=(generation + 1) * members * INTERVAL_TOKENS,
            flops=(generation + 1) * members * 8e10,
        )  # fmt: skip
        yield [*events, closed]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--generations", type=int, default=500)
    parser.add_argument("--points", type=int, default=50, help="intervals in a segment")
    parser.add_argument("--observed", type=int, default=20, help="generations to watch live")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary) / "told"
        directory.mkdir()
        with EventLog(directory / LOG_NAME) as log:
            for events in tell(arguments.members, arguments.generations, arguments.points):
                log.append(events)
        where = {"tracking_uri": f"sqlite:///{temporary}/mlflow.db", "experiment": "told"}
        for what in ("whole search", "again, nothing to do"):
            began, spent = time.perf_counter(), time.process_time()
            synced = sync(directory, **where, register_model=None)
            print(
                f"{what}: {time.perf_counter() - began:.1f} s, {time.process_time() - spent:.1f} s "
                f"of processor time; {synced.segments} segments, {synced.new_points} new points"
            )
        rows = sqlite3.connect(f"{temporary}/mlflow.db").execute("select count(*) from metrics")
        print(f"rows of metrics in the store: {rows.fetchone()[0]:,}")
        watch_live(Path(temporary), arguments)


def watch_live(place: Path, arguments: argparse.Namespace) -> None:
    """Print how long the search waits for its observer, generation by generation."""
    directory = place / "live"
    directory.mkdir()
    record = MlflowRecord(MlflowConfig(), directory=directory)
    slowest = 0.0
    with EventLog(directory / LOG_NAME) as log:
        stop = arguments.observed + 1
        for at, events in enumerate(tell(arguments.members, stop, arguments.points)):
            log.append(events)
            began = time.perf_counter()
            for event in events:
                record.on_event(event, 0, replayed=False)
            if at:
                slowest = max(slowest, time.perf_counter() - began)
            time.sleep(0.2)
    began = time.perf_counter()
    record.close()
    print(
        f"live: {slowest * 1e3:.2f} ms in the slowest of {arguments.observed} generations of "
        f"{arguments.members} members; {time.perf_counter() - began:.1f} s to close; "
        f"lost: {record.lost}"
    )


if __name__ == "__main__":
    main()
