"""What fuzzing has found, each by its smallest input: it is refused with an error of the reader's own."""

import json
from pathlib import Path

import pytest

from orchestrator.event_log import LOG_NAME
from tests.fuzz.checkpoints import checkpoint_files
from tests.fuzz.corpora import corpus_files
from tests.fuzz.event_logs import records_json
from tests.fuzz.foreign_checkpoints import LLAMA, llama_weights
from tests.fuzz.judging import bounded_memory, judged
from tests.fuzz.parsers import PARSERS, input_of
from tests.fuzz.sealing import sealed_log, sealed_manifest, sealed_state
from trainers.checkpoint import STATE_FILE
from trainers.data.manifest import MANIFEST_FILE
from trainers.llama import CONFIG, WEIGHTS

KEPT = Path(__file__).parents[1] / "data" / "fuzz"
"""Inputs that a few lines do not make; one of them ended the process."""
DEEP = b"[" * 50_000 + b"]" * 50_000


def log(**changes):
    records = json.loads(records_json())
    for record in records:
        record["data"].update({k: v for k, v in changes.items() if k in record["data"]})
    return {LOG_NAME: sealed_log(records)}


def checkpoint(**changes):
    files = dict(checkpoint_files())
    document = json.loads(files[STATE_FILE])
    del document["sha256"]
    for key, value in changes.items():
        if value is None:
            del document[key]
        elif isinstance(value, dict):
            document[key].update(value)
        else:
            document[key] = value
    return {**files, STATE_FILE: sealed_state(document)}


def corpus(**changes):
    files = dict(corpus_files())
    body = {**json.loads(files[MANIFEST_FILE]), **changes}
    del body["checksum"]
    body = {key: value for key, value in body.items() if value is not None}
    for source in body.get("sources", ()) if isinstance(body.get("sources"), list) else ():
        if "shard" in changes:
            source["splits"]["train"]["shards"][0]["file"] = body.pop("shard")
    return {**files, MANIFEST_FILE: sealed_manifest(body)}


def llama(**changes):
    return {CONFIG: json.dumps({**LLAMA, **changes}).encode(), WEIGHTS: llama_weights()}


def index(**weight_map):
    document = {"weight_map": weight_map}
    return {**llama(), "model.safetensors.index.json": json.dumps(document).encode()}


def run(text):
    return {"run.yaml": text}


FOUND = {
    "run_file": [
        run(b"budget: {tokens: " + b"9" * 5000 + b"}"),
        run(b"budget: {tokens: 1e999}"),
        run(DEEP),
        run(b"a: " + b"{" * 1100),
        run(b"a:\n" + b"".join(b" " * n + b"- \n" for n in range(1, 200))),
        run(b"- " * 3000),
        run(b"a: &a [*a]"),
        run(b"a: 1\n" * 1_000_000),
        run(b'selection: {policy: "\\ud800"}'),
        run(b'"\\udfff": 1'),
        run(
            b"x0: &x0 "
            + b"9" * 5000
            + b"\n"
            + b"".join(
                b"x%d: &x%d [%s]\n" % (n, n, b", ".join([b"*x%d" % (n - 1)] * 9))
                for n in range(1, 9)
            )
        ),
        run(b"proposers: [" + b"x" * 100_000 + b"]"),
        run(b"budget: !!python/object/apply:os.system ['exit 1']"),
    ],
    "event_log": [
        {LOG_NAME: b'{"n":0,"event":"scored","data":' + DEEP + b',"aside":{},"sum":"00000000"}\n'},
        log(member=[0]),
        log(tokens="many"),
        log(tokens=10**30),
        log(losses=["a", "b"]),
        log(ledger={"tokens": 1.5}),
        log(decision="destroy"),
        log(genome=[]),
        log(parts={"parts": 3}),
    ],
    "checkpoint": [
        checkpoint(tensors=None),
        checkpoint(tensors="../tensors-0000000000000000.safetensors"),
        checkpoint(tensors="/dev/zero"),
        checkpoint(tensors="."),
        checkpoint(tensors="tensors-" + "x" * 5000),
        checkpoint(state="none"),
        checkpoint(extra=[]),
        checkpoint(state={"position": {"tokens": "1", "windows": [8], "steps": 2}}),
        checkpoint(state={"position": 3}),
        checkpoint(state={"utility_weight": "much"}),
        {**checkpoint(), STATE_FILE: DEEP},
    ],
    "safetensors": [
        {"tensors": (len(DEEP)).to_bytes(8, "little") + DEEP},
        {"tensors": (10**18).to_bytes(8, "little") + b"{}"},
        {"tensors": (2**64 - 1).to_bytes(8, "little")},
        {"tensors": b"\x19\0\0\0\0\0\0\0" + b'{"__metadata__":{"state":1}}'[:25]},
    ],
    "llama": [
        llama(vocab_size=10**9, hidden_size=10**5),
        llama(num_hidden_layers=10**9),
        llama(num_attention_heads=float("inf")),
        llama(head_dim={"a": 1}),
        llama(hidden_size=-8),
        llama(rms_norm_eps=[]),
        llama(rope_parameters="none"),
        llama(num_key_value_heads=3),
        index(a="../../etc/passwd"),
        index(a=["model.safetensors"]),
        {**llama(), CONFIG: DEEP},
    ],
    "corpus": [
        corpus(format=None),
        corpus(sources=[]),
        corpus(sources=3),
        corpus(tokenizer={}),
        corpus(context_length=0),
        corpus(context_length={"a": 1}),
        corpus(shard="../shard.arrow"),
        corpus(shard="/dev/zero"),
        {**corpus_files(), MANIFEST_FILE: DEEP},
        {file.name: file.read_bytes() for file in sorted((KEPT / "corpus").iterdir())},
        {**corpus_files(), MANIFEST_FILE: b'{"checksum": "", "a": "\\ud800"}'},
    ],
    "tokenizer": [
        {"tokenizer.json": b"{}"},
        {"tokenizer.json": DEEP},
        *({"tokenizer.json": f.read_bytes()} for f in sorted((KEPT / "tokenizers").iterdir())),
    ],
    "json_lines": [{"text.jsonl": DEEP}, {"text.jsonl": b'{"text": ' + b"9" * 5000 + b"}"}],
    "text": [{"text.txt": b"\xed\xa0\x80"}],
    "parquet": [
        {"text.parquet": b"PAR1" + b"\xff" * 64 + b"\x40\0\0\0PAR1"},
        *({"text.parquet": file.read_bytes()} for file in sorted(KEPT.glob("*.parquet"))),
    ],
    "table": [
        {"runs.jsonl": b'{"a": "\xff"}'},
        {"runs.jsonl": DEEP},
        {"runs.jsonl": b'{"a": ' + b"9" * 5000 + b"}"},
        {"runs.parquet": b"PAR1" + b"\xff" * 64 + b"\x40\0\0\0PAR1"},
        {"runs.csv": b"a\n\xff"},
    ],
}


@pytest.mark.parametrize(
    ("name", "files"),
    [pytest.param(name, files, id=f"{name}-{at}") for name in FOUND for at, files in enumerate(FOUND[name])],
)  # fmt: skip
def test_it_is_refused(name, files, tmp_path):
    with bounded_memory():
        judgement = judged(PARSERS[name], files, tmp_path)
    assert not judgement.is_fault, judgement.trace
    assert judgement.outcome != "read"


@pytest.mark.parametrize("name", PARSERS)
def test_an_input_without_damage_can_be_read(name, tmp_path):
    """The law is empty if everything is refused."""
    outcomes = set()
    for number in range(400):
        data = number.to_bytes(2, "little") * 24
        outcomes.add(judged(PARSERS[name], input_of(PARSERS[name], data), tmp_path).outcome)
        if "read" in outcomes and len(outcomes) > 1:
            return
    raise AssertionError(outcomes)
