"""Snapshots of a search's state: rows changed and sealed again, or bytes."""

from __future__ import annotations

import functools
import json
import zlib
from types import SimpleNamespace
from typing import TYPE_CHECKING

from pydantic_core import to_json

from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import Ledger, Ordered, Reported
from orchestrator.fitness import Fitness, FitnessRule
from orchestrator.population import CurvePoint, Life, MemberRecord, Outcome
from orchestrator.pricing import Prices
from orchestrator.proposers import PROPOSERS, WeightedProposer, WeightedProposers
from orchestrator.search_state import SearchState
from orchestrator.snapshots.folder import FORMAT, SnapshotFolder
from orchestrator.snapshots.kept import Kept, Progress
from orchestrator.snapshots.writing import rows_of
from orchestrator.tasks import StateKey, Train
from search_spaces.genome import genome_to_json
from search_spaces.gpt.space import CENTRE, GPT
from tests.fuzz.mutation import damaged_bytes, damaged_json, json_bytes
from trainers.folder import LocalFolder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fuzz.choices import Choices
    from tests.fuzz.parser import Files

NAME = f"{0:012d}.json"


@functools.cache
def rows_json() -> bytes:
    """Return the state of two members: one trains, one waits."""
    point = CurvePoint(tokens=8192, losses=(3.0, 3.1), horizon_loss=3.05, fitness=-3.05)
    ledger = Ledger(tokens=8192, flops=1e9)
    life = Life(
        genome=CENTRE, ledger=ledger, curve=(point,), past_protocols=((0, CENTRE.protocol),)
    )
    fitness = Fitness(
        value=-3.05,
        parts=(("loss_present", 3.05), ("horizon_correction", 0.0), ("cost_price", 0.0),
               ("standard_error", 0.05)),
        horizon="present",
    )  # fmt: skip

    def order(member: int, generation: int) -> Ordered:
        return Ordered(
            member=member, generation=generation, decision="continue", digest=CENTRE.digest,
            genome=genome_to_json(CENTRE), source=(member, generation - 1) if generation else None,
            tokens=8192,
        )  # fmt: skip

    def outcome(member: int) -> Outcome:
        report = Reported(
            member=member, generation=0, digest=CENTRE.digest, parameters=1000, ledger=ledger,
            interval_tokens=8192, interval_flops=1e9, train_loss=3.0, losses=(3.0, 3.1),
            nats_per_token=3.05, bits_per_byte=4.4, failure=None, morph=None, utilities=None,
            seconds=1.0, adoption_seconds=0.1, cpu_seconds=1.0, finished_at=1e9, worker=0, origin="fresh",
        )  # fmt: skip
        return Outcome(key=StateKey(member, 0), life=life, report=report, fitness=fitness)

    def task(member: int, generation: int) -> Train:
        return Train(
            member=member, generation=generation, genome=CENTRE, tokens=8192, ledger=ledger, seed=7,
            source=StateKey(member, generation - 1) if generation else None,
        )  # fmt: skip

    records = (
        MemberRecord(member=0, order=order(0, 1), running=life, outcome=outcome(0)),
        MemberRecord(member=1, order=order(1, 0), running=None, outcome=outcome(1)),
    )
    kept = Kept(
        records=records, makers=(task(0, 0), task(0, 1), task(1, 0)), best_life=life,
        progress=Progress(
            stopping=None, closed=0, closed_tokens=8192, best_generation=0, tokens=16384, flops=2e9,
            prices=Prices(in_force=0.0, of_scores=0.0),
        ),
        proposers={"mutation": {"scale": 0.15, "pending": [[1, genome_to_json(CENTRE)]]}},
    )  # fmt: skip
    return to_json(rows_of(kept))


def snapshot(choices: Choices) -> Files:
    body = rows_json()
    if choices.below(8):
        body = json_bytes(damaged_json(json.loads(body), choices))
    header = {"format": FORMAT, "log": "00000000", "sum": f"{zlib.crc32(body):08x}"}
    content = json.dumps(header).encode() + b"\n" + body
    return {NAME: content if choices.below(8) else damaged_bytes(content, choices)}


@functools.cache
def proposers() -> WeightedProposers:
    entry = WeightedProposer(name="mutation", proposer=PROPOSERS["mutation"](GPT), weight=1.0)
    return WeightedProposers((entry,))


def read_snapshot(directory: Path) -> None:
    with EventLog(directory / LOG_NAME) as log:
        found = SnapshotFolder(LocalFolder(directory), log)._read(0)
    rules = SimpleNamespace(fitness=FitnessRule(), mode="synchronous", proposers=proposers())
    SearchState.restored(rules, found.kept)
