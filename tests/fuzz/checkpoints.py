"""Checkpoints: their JSON, their tensors, each sealed again."""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.genome import Genome
from search_spaces.gpt.architecture import Architecture
from search_spaces.gpt.space import CENTRE
from tests.fuzz.mutation import damaged_bytes, damaged_json, json_bytes
from tests.fuzz.sealing import sealed_state
from trainers.checkpoint import STATE_FILE, read_checkpoint, write_checkpoint
from trainers.model import Transformer
from trainers.reviving import model_of
from trainers.serialisation import deserialise
from trainers.state import MemberState, Position

if TYPE_CHECKING:
    from tests.fuzz.choices import Choices
    from tests.fuzz.parser import Files


SMALL = Architecture(
    vocab_size=16, context_length=8, num_layers=1, d_model=8, head_dim=4, num_heads=(2,), num_kv_heads=(1,),
    d_ff=(8,), activation="swiglu", norm="rms", position="rotary", qk_norm=False, tied_embeddings=True,
)  # fmt: skip


@functools.cache
def checkpoint_files() -> Files:
    model = Transformer(SMALL)
    state = MemberState(
        architecture=SMALL, protocol=Genome(SMALL, CENTRE.protocol).protocol,
        position=Position(tokens=64, windows=(8,), steps=2), head_utility=((0.1, 0.2),),
        tensors={f"model.{name}": tensor for name, tensor in model.state_dict().items()},
        ffn_utility=(0.1,), embedding_utility=0.5, least_worth=(("head", 0, 1),),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        write_checkpoint(Path(place), state, {"task": "t", "report": {}, "aside": {}})
        return {path.name: path.read_bytes() for path in Path(place).iterdir()}


def checkpoint(choices: Choices) -> Files:
    files = dict(checkpoint_files())
    (name,) = (name for name in files if name != STATE_FILE)
    document = json.loads(files[STATE_FILE])
    del document["sha256"]
    if choices.below(3) == 0:
        files[name] = damaged_tensors(choices, files[name])
        document["tensors_sha256"] = hashlib.sha256(files[name]).hexdigest()
    else:
        document = damaged_json(document, choices)
    files[STATE_FILE] = sealed_state(document)
    if choices.below(8) == 0:
        files[STATE_FILE] = damaged_bytes(files[STATE_FILE], choices)
    return files


def read_state(directory: Path) -> None:
    state, _ = read_checkpoint(directory)
    try:
        model_of(state)
    except ValueError:
        return  # it says which tensor does not fit


def damaged_tensors(choices: Choices, data: bytes) -> bytes:
    size = int.from_bytes(data[:8], "little")
    if choices.below(3) == 0:
        return damaged_bytes(data, choices)
    header = json_bytes(damaged_json(json.loads(data[8 : 8 + size]), choices))
    claimed = choices.of((len(header), len(header), len(header), 10**18, 2**63, 2**64 - 1, 0))
    return claimed.to_bytes(8, "little") + header + data[8 + size :]


def tensors(choices: Choices) -> Files:
    data = next(data for name, data in checkpoint_files().items() if name != STATE_FILE)
    return {"tensors": damaged_tensors(choices, data)}


def read_tensors(directory: Path) -> None:
    deserialise((directory / "tensors").read_bytes())
