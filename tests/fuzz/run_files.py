"""Run files: text damaged, YAML thrown in, values changed, aliases that expand."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import yaml

from orchestrator.run_loading import read_run
from search_spaces.genome import genome_from_json, genome_to_json
from search_spaces.gpt.space import CENTRE, GPT
from search_spaces.runfile import domain_from_json
from tests.fuzz.mutation import damaged_bytes, damaged_json, json_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fuzz.choices import Choices
    from tests.fuzz.parser import Files


RUN = """\
name: fuzzed
seed: 3
output: runs
corpus: {sources: [wiki_vital, {path: text.jsonl, field: body}], tokenizer: bpe, vocabulary: 4k}
space:
  name: gpt
  genes: {num_layers: {integer: [1, 2]}, d_model: {integer: [32, 64], step: 16}, head_dim: 16,
    learning_rate: {real: [0.001, 0.01], log: true}, activation: {choice: [gelu, swiglu]}}
  limits: {parameters: 200k, memory: 2GB}
population: {members: 4, interval_tokens: 8192}
budget: {tokens: 400k}
"""
_MORE = """\
budget: {flops: 1e15}
stop: {target_loss: 1.5}
selection: &policy {policy: truncation, fraction: 0.25}
proposers: [{proposer: mutation, weight: 2}, {proposer: optuna, sampler: TPESampler}]
freeze: {architecture_after: 0.5}
fitness: {horizon: power_law, nats_per_gflop: front, game: {margin: 2.0}}
training: {evaluation_batches: 4, micro_batch_tokens: 1024, compile: auto}
resources: {workers: 2, object_store: 80MB}
mlflow: {enabled: true, experiment: masga}
"""
_SCHEDULE = """\
budget: {tokens: 16384}
population: {members: 1, interval_tokens: 8192}
proposers: []
baseline: false
schedule:
  horizon_tokens: 16384
  stretches: [{intervals: 2, seed: 1, genome: GENOME}]
"""
_YAML = (
    b"*policy", b"&a [*a]", b"<<: *policy", b"!!python/object/apply:os.system ['true']", b"!!binary xx",
    b"? [a, b] : c", b"\t", b"---", b"...", b"%YAML 9.9", b"|", b">", b"'", b"{" * 2000, b"[" * 2000, b"#", b": ",
    b"- " * 2000, b"1e999", b"9" * 5000, b".nan", b"0x1f", b"1_000", b"8M", b"9e9999G", b"\xc2\x85", b"\x1b[31m", b"{}",
)  # fmt: skip
_BOMB = b"x0: &x0 [1]\n" + b"".join(
    b"x%d: &x%d [%s]\n" % (n, n, b", ".join([b"*x%d" % (n - 1)] * 9)) for n in range(1, 10)
)
"""Nine to the ninth values, once aliases expand."""


@functools.cache
def _run_texts() -> tuple[bytes, ...]:
    genome = json.dumps(genome_to_json(CENTRE))
    return RUN.encode(), _MORE.encode(), _SCHEDULE.replace("GENOME", genome).encode(), _BOMB


@functools.cache
def _run_values() -> tuple[Any, ...]:
    return tuple(yaml.safe_load(text) for text in _run_texts()[:3])


def run_file(choices: Choices) -> Files:
    text = _run_texts()[choices.of((0, 0, 1, 1, 0, 1, 2, 0, 1, 0, 1, 3))]
    match choices.below(4):
        case 0:
            text = damaged_bytes(text, choices)
        case 1:
            at = choices.below(len(text) + 1)
            text = text[:at] + choices.of(_YAML) + text[at + choices.below(8) :]
        case _:
            values = damaged_json(choices.of(_run_values()), choices)
            text = json_bytes(values) if choices.below(4) else yaml.safe_dump(values).encode()
    return {"run.yaml": text}


def read_run_file(directory: Path) -> None:
    config = read_run(directory / "run.yaml").config
    for name, written in config.space.genes.items():
        domain_from_json(GPT.gene(name), written)
    for stretch in () if config.schedule is None else config.schedule.stretches:
        try:
            genome_from_json(stretch.genome)
        except ValueError:
            continue  # told of by its key
