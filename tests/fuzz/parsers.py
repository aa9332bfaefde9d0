"""The readers of files from outside, each with well-formed input to damage and the errors it may give.

A reader with checksums gets most of its damage below them: they are made again over the damage, as
whoever wants to do harm would make them.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from orchestrator.errors import UserError
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
from orchestrator.laws.reading import read_table
from orchestrator.resuming import logged_run
from orchestrator.run_config import RunConfig
from orchestrator.run_loading import read_run
from orchestrator.story.telling import fitness_parts, leaderboard, told
from search_spaces.errors import SpaceError
from search_spaces.genome import Genome, genome_from_json, genome_to_json
from search_spaces.gpt.architecture import Architecture
from search_spaces.gpt.space import CENTRE, GPT
from search_spaces.runfile import domain_from_json
from tests.fuzz.choices import Choices
from tests.fuzz.mutation import damaged_bytes, damaged_json, json_bytes
from trainers.checkpoint import STATE_FILE, CheckpointDamaged, read_checkpoint, write_checkpoint
from trainers.data import CorpusError, CorpusSpec, SourceSpec, open_corpus, prepare_corpus
from trainers.data.documents import read_documents
from trainers.data.manifest import MANIFEST_FILE
from trainers.data.tokenizer import load_bpe, train_bpe
from trainers.llama import CONFIG, WEIGHTS, ForeignCheckpointError, read_llama
from trainers.model import Transformer
from trainers.reviving import model_of
from trainers.serialisation import deserialise, serialise
from trainers.state import MemberState, Position

if TYPE_CHECKING:
    from collections.abc import Callable

Files = dict[str, bytes]
"""The files of one input, by name."""


@dataclass(frozen=True, slots=True)
class Parser:
    """A reader of files from outside."""

    make: Callable[[Choices], Files]
    """Returns damaged input."""
    read: Callable[[Path], object]
    """Reads the input in a directory, as masga does."""
    errors: tuple[type[Exception], ...]
    """What it may raise: anything else is a fault."""


def input_of(parser: Parser, data: bytes) -> Files:
    """Return the input that a stream of decisions makes."""
    return parser.make(Choices(data))


# Run files

_RUN = """\
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
    return _RUN.encode(), _MORE.encode(), _SCHEDULE.replace("GENOME", genome).encode(), _BOMB


@functools.cache
def _run_values() -> tuple[Any, ...]:
    return tuple(yaml.safe_load(text) for text in _run_texts()[:3])


def _run_file(choices: Choices) -> Files:
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


def _read_run(directory: Path) -> None:
    config = read_run(directory / "run.yaml").config
    for name, written in config.space.genes.items():
        domain_from_json(GPT.gene(name), written)
    for stretch in () if config.schedule is None else config.schedule.stretches:
        try:
            genome_from_json(stretch.genome)
        except ValueError:
            continue  # told of by its key


# Event logs


@functools.cache
def _records() -> str:
    run = RunConfig.model_validate(yaml.safe_load(_RUN) | {"name": "logged"})
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


def _log(choices: Choices) -> Files:
    records = json.loads(_records())
    if choices.below(8):
        records = damaged_json(records, choices)
    checksum, lines = 0, b""
    for record in records if isinstance(records, list) else [records]:
        body = json_bytes(record).replace(b"\n", b"")
        checksum = zlib.crc32(body, checksum)
        lines += body[:-1] + b',"sum":"%08x"}\n' % checksum
    return {LOG_NAME: lines if choices.below(8) else damaged_bytes(lines, choices)}


def _read_log(directory: Path) -> None:
    events, _, _ = read_log(directory / LOG_NAME)
    for standing in leaderboard(told(tuple(events))):
        str(standing)
    for event in events:
        if isinstance(event, Scored):
            fitness_parts(event)
    logged_run(events, directory)


# States and checkpoints

_SMALL = Architecture(
    vocab_size=16, context_length=8, num_layers=1, d_model=8, head_dim=4, num_heads=(2,), num_kv_heads=(1,),
    d_ff=(8,), activation="swiglu", norm="rms", position="rotary", qk_norm=False, tied_embeddings=True,
)  # fmt: skip


@functools.cache
def _checkpoint_files() -> Files:
    model = Transformer(_SMALL)
    state = MemberState(
        architecture=_SMALL, protocol=Genome(_SMALL, CENTRE.protocol).protocol,
        position=Position(tokens=64, windows=(8,), steps=2), head_utility=((0.1, 0.2),),
        tensors={f"model.{name}": tensor for name, tensor in model.state_dict().items()},
        ffn_utility=(0.1,), embedding_utility=0.5, least_worth=(("head", 0, 1),),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        write_checkpoint(Path(place), state, {"task": "t", "report": {}, "aside": {}})
        return {path.name: path.read_bytes() for path in Path(place).iterdir()}


def _checkpoint(choices: Choices) -> Files:
    files = dict(_checkpoint_files())
    (name,) = (name for name in files if name != STATE_FILE)
    document = json.loads(files[STATE_FILE])
    del document["sha256"]
    if choices.below(3) == 0:
        files[name] = _safetensors(choices, files[name])
        document["tensors_sha256"] = hashlib.sha256(files[name]).hexdigest()
    else:
        document = damaged_json(document, choices)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    if isinstance(document, dict):
        document = {"sha256": hashlib.sha256(text.encode()).hexdigest(), **document}
    files[STATE_FILE] = json_bytes(document)
    if choices.below(8) == 0:
        files[STATE_FILE] = damaged_bytes(files[STATE_FILE], choices)
    return files


def _read_checkpoint(directory: Path) -> None:
    state, _ = read_checkpoint(directory)
    try:
        model_of(state)
    except ValueError:
        return  # it says which tensor does not fit


def _safetensors(choices: Choices, data: bytes) -> bytes:
    size = int.from_bytes(data[:8], "little")
    if choices.below(3) == 0:
        return damaged_bytes(data, choices)
    header = json_bytes(damaged_json(json.loads(data[8 : 8 + size]), choices))
    claimed = choices.of((len(header), len(header), len(header), 10**18, 2**63, 2**64 - 1, 0))
    return claimed.to_bytes(8, "little") + header + data[8 + size :]


def _tensors(choices: Choices) -> Files:
    data = next(data for name, data in _checkpoint_files().items() if name != STATE_FILE)
    return {"tensors": _safetensors(choices, data)}


# Checkpoints of others

_LLAMA = {
    "model_type": "llama", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 4, "intermediate_size": 8, "vocab_size": 16, "hidden_act": "silu",
    "max_position_embeddings": 8, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True,
}  # fmt: skip
_WRITTEN = {
    "embedding": "model.embed_tokens", "final_norm": "model.norm", "norm_attention": "input_layernorm",
    "attention.query": "self_attn.q_proj", "attention.key": "self_attn.k_proj", "ffn.up": "mlp.up_proj",
    "attention.value": "self_attn.v_proj", "attention.out": "self_attn.o_proj", "ffn.gate": "mlp.gate_proj",
    "norm_ffn": "post_attention_layernorm", "ffn.down": "mlp.down_proj",
}  # fmt: skip


@functools.cache
def _llama_weights() -> bytes:
    def written(name: str) -> str:
        layer, _, rest = name.removeprefix("layers.").removesuffix(".weight").partition(".")
        if not name.startswith("layers."):
            return f"{_WRITTEN[name.removesuffix('.weight')]}.weight"
        return f"model.layers.{layer}.{_WRITTEN[rest]}.weight"

    model = Transformer(_SMALL)
    tensors = {written(name): weight.detach() for name, weight in model.named_parameters()}
    return b"".join(serialise(tensors, {}))


def _llama(choices: Choices) -> Files:
    files = {CONFIG: json_bytes(_LLAMA), WEIGHTS: _llama_weights()}
    match choices.below(4):
        case 0:
            files[WEIGHTS] = _safetensors(choices, files[WEIGHTS])
        case 1:
            files[CONFIG] = damaged_bytes(files[CONFIG], choices)
        case 2:
            index = {"weight_map": {"a": WEIGHTS, "b": "model-2.safetensors"}}
            files["model.safetensors.index.json"] = json_bytes(damaged_json(index, choices))
        case _:
            files[CONFIG] = json_bytes(damaged_json(_LLAMA, choices))
    return files


# Corpora

_DOCUMENTS = tuple(f"Ship {n} sails at dawn, {n * 7 % 13} gulls above it. é🐋" for n in range(240))


@functools.cache
def _corpus_files() -> Files:
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "text.txt")
        source.write_text("\n\n".join(_DOCUMENTS), encoding="utf-8")
        spec = CorpusSpec(
            sources=(SourceSpec.file(str(source), separator="\n\n"),),
            tokenizer="bpe",
            vocab_size=300,
            context_length=8,
        )
        corpus = prepare_corpus(spec, Path(place, "cache"))
        return {path.name: path.read_bytes() for path in corpus.directory.iterdir()}


def _corpus(choices: Choices) -> Files:
    files = dict(_corpus_files())
    body = json.loads(files[MANIFEST_FILE])
    del body["checksum"]
    match choices.below(4):
        case 0:
            shards = sorted(name for name in files if name.endswith(".arrow"))
            name = choices.of(shards)
            files[name] = damaged_bytes(files[name], choices)
            for source in body["sources"]:
                for split in source["splits"].values():
                    for shard in split["shards"]:
                        if shard["file"] == name:
                            shard["num_bytes"] = len(files[name])
                            shard["sha256"] = hashlib.sha256(files[name]).hexdigest()
        case _:
            body = damaged_json(body, choices)
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if isinstance(body, dict):
        checksum = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        body = {"checksum": checksum, **body}
    files[MANIFEST_FILE] = json_bytes(body)
    if choices.below(8) == 0:
        files[MANIFEST_FILE] = damaged_bytes(files[MANIFEST_FILE], choices)
    return files


def _read_corpus(directory: Path) -> None:
    corpus = open_corpus(directory)
    corpus.verify()
    corpus.evaluation_batches("heldout", sequences=1, count=1)
    mix = (1.0 / corpus.num_sources,) * corpus.num_sources
    corpus.batch(corpus.start(), seed=1, sequences=1, length=corpus.context_length, mix=mix)


@functools.cache
def _bpe() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "tokenizer.json")
        train_bpe(_DOCUMENTS[:60], vocab_size=300).save(path)
        return path.read_bytes()


def _tokenizer(choices: Choices) -> Files:
    if choices.below(2):
        return {"tokenizer.json": damaged_bytes(_bpe(), choices)}
    return {"tokenizer.json": json_bytes(damaged_json(json.loads(_bpe()), choices))}


def _read_tokenizer(directory: Path) -> None:
    tokenizer = load_bpe(directory / "tokenizer.json", vocab_size=300)
    tokenizer.decode(tokenizer.encode("Ship é🐋"))
    tokenizer.encode_documents(_DOCUMENTS[:2])


def _json_lines(choices: Choices) -> Files:
    rows = [{"text": text, "n": at} for at, text in enumerate(_DOCUMENTS[:8])]
    rows = damaged_json(rows, choices) if choices.below(4) else rows
    lines = b"\n".join(map(json_bytes, rows if isinstance(rows, list) else [rows]))
    return {"text.jsonl": lines if choices.below(2) else damaged_bytes(lines, choices)}


def _text(choices: Choices) -> Files:
    return {"text.txt": damaged_bytes("\n\n".join(_DOCUMENTS[:60]).encode(), choices)}


@functools.cache
def _parquet_seeds() -> tuple[bytes, ...]:
    seeds = []
    tables = (
        pa.table({"text": _DOCUMENTS[:60], "n": range(60)}),
        pa.table({"text": pa.array(_DOCUMENTS[:3]).dictionary_encode(), "n": [1.5, 2.5, None]}),
        pa.table({"text": pa.array([["a"], None, []]), "n": pa.array([b"\xff", b"", None])}),
        pa.table({"text": pa.array(["a"] * 50, pa.large_string()), "n": pa.array([None] * 50)}),
    )
    for table in tables:
        for compression in ("none", "zstd", "snappy", "gzip"):
            sink = io.BytesIO()
            pq.write_table(table, sink, compression=compression, row_group_size=20)
            seeds.append(sink.getvalue())
    return tuple(seeds)


def _parquet(choices: Choices) -> Files:
    data = choices.of(_parquet_seeds())
    if choices.below(2):  # the footer, which is most of the format
        size = int.from_bytes(data[-8:-4], "little")
        footer = damaged_bytes(data[-8 - size : -8], choices, most=3)
        length = choices.of((len(footer), len(footer), len(footer), 2**31 - 1, 0))
        return {"text.parquet": data[: -8 - size] + footer + length.to_bytes(4, "little") + b"PAR1"}
    return {"text.parquet": damaged_bytes(data, choices)}


def _read_source(name: str) -> Callable[[Path], None]:
    def read(directory: Path) -> None:
        path = directory / name
        for _ in read_documents((path,), SourceSpec.file(str(path))):
            pass

    return read


# Tables of runs


def _table(choices: Choices) -> Files:
    csv = b"N,D,loss\n" + b"".join(b"%d,%d,%.3f\n" % (n, 20 * n, 3 / n) for n in range(1, 9))
    match choices.below(3):
        case 0:
            return {"runs.csv": damaged_bytes(csv, choices)}
        case 1:
            lines = _json_lines(choices)["text.jsonl"]
            return {"runs.jsonl": lines}
        case _:
            return {"runs.parquet": _parquet(choices)["text.parquet"]}


def _read_table(directory: Path) -> None:
    (path,) = directory.iterdir()
    table: Any = read_table(str(path))
    len(table)


PARSERS = {
    "run_file": Parser(_run_file, _read_run, (UserError, SpaceError)),
    "event_log": Parser(_log, _read_log, (UserError,)),
    "checkpoint": Parser(_checkpoint, _read_checkpoint, (CheckpointDamaged,)),
    "safetensors": Parser(
        _tensors, lambda place: deserialise((place / "tensors").read_bytes()), (ValueError,)
    ),
    "llama": Parser(
        _llama, lambda place: read_llama(place, context_length=8), (ForeignCheckpointError,)
    ),
    "corpus": Parser(_corpus, _read_corpus, (CorpusError,)),
    "tokenizer": Parser(_tokenizer, _read_tokenizer, (CorpusError,)),
    "json_lines": Parser(_json_lines, _read_source("text.jsonl"), (CorpusError,)),
    "text": Parser(_text, _read_source("text.txt"), (CorpusError,)),
    "parquet": Parser(_parquet, _read_source("text.parquet"), (CorpusError,)),
    "table": Parser(_table, _read_table, (UserError,)),
}
"""Every reader of files from outside, by name."""
