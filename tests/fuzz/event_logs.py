"""Event logs: records changed and sealed again, or bytes."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

import yaml

from orchestrator.event_log import LOG_NAME, read_log, to_line
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
from orchestrator.resuming import logged_run
from orchestrator.run_config import RunConfig
from orchestrator.story.telling import fitness_parts, leaderboard, told
from search_spaces.genome import genome_to_json
from search_spaces.gpt.space import CENTRE, GPT
from tests.fuzz.mutation import damaged_bytes, damaged_json
from tests.fuzz.run_files import RUN
from tests.fuzz.sealing import sealed_log

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fuzz.choices import Choices
    from tests.fuzz.parser import Files


@functools.cache
def records_json() -> str:
    run = RunConfig.model_validate(yaml.safe_load(RUN) | {"name": "logged"})
    genome, digest = genome_to_json(CENTRE), CENTRE.digest
    ledger = Ledger(tokens=8192, flops=1e9)
    events = [
        SearchStarted(
            run=run.deciding(), space=GPT.to_json(), corpus={"digest": "ab", "sources": []},
            horizon_tokens=100_000, generations=12, environment={"run": run.beside()},
        ),
        Ordered(member=0, generation=0, decision="start", genome=genome, digest=digest,
                proposer="step_law", tokens=8192),
        Reported(
            member=0, generation=0, digest=digest, parameters=1000, ledger=ledger, interval_tokens=8192,
            interval_flops=1e9, train_loss=3.0, losses=(3.0, 3.1), nats_per_token=3.05, bits_per_byte=4.4,
            failure=None, morph={"moves": []}, utilities={"heads": [[0.1]]}, game=None,
            domain_losses=(3.0, 3.1), seconds=1.0, adoption_seconds=0.1, cpu_seconds=1.0, finished_at=1e9,
            worker=0, origin="fresh",
        ),
        Scored(member=0, generation=0, fitness=-3.0, parts={"parts": {"loss_present": 3.0}}),
        GenerationClosed(generation=0, best_member=0, best_loss=3.0, best_fitness=-3.0, tokens=8192,
                         flops=1e9),
        Ordered(member=0, generation=1, decision="continue", genome=genome, digest=digest, source=(0, 0),
                tokens=8192),
        Assessed(role="winner", member=0, generation=0, digest=digest, parameters=1000, tokens=8192,
                 losses=(3.0, 3.1), nats_per_token=3.05, bits_per_byte=4.4, seconds=1.0),
        SearchFinished(reason="budget", winner=0, generation=0, digest=digest),
    ]  # fmt: skip
    lines = [to_line(event, number=at, previous_sum=0)[0] for at, event in enumerate(events)]
    return json.dumps([{k: v for k, v in json.loads(line).items() if k != "sum"} for line in lines])


def event_log(choices: Choices) -> Files:
    records = json.loads(records_json())
    if choices.below(8):
        records = damaged_json(records, choices)
    lines = sealed_log(records)
    return {LOG_NAME: lines if choices.below(8) else damaged_bytes(lines, choices)}


def read_event_log(directory: Path) -> None:
    events, _, _ = read_log(directory / LOG_NAME)
    for standing in leaderboard(told(tuple(events))):
        str(standing)
    for event in events:
        if isinstance(event, Scored):
            fitness_parts(event)
    logged_run(events, directory)
