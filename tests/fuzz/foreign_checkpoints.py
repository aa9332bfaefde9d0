"""Checkpoints of others: a Llama's configuration, weights and index."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tests.fuzz.checkpoints import SMALL, damaged_tensors
from tests.fuzz.mutation import damaged_bytes, damaged_json, json_bytes
from trainers.llama import CONFIG, WEIGHTS, read_llama
from trainers.model import Transformer
from trainers.serialisation import serialise

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fuzz.choices import Choices
    from tests.fuzz.parser import Files


LLAMA = {
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
def llama_weights() -> bytes:
    def written(name: str) -> str:
        layer, _, rest = name.removeprefix("layers.").removesuffix(".weight").partition(".")
        if not name.startswith("layers."):
            return f"{_WRITTEN[name.removesuffix('.weight')]}.weight"
        return f"model.layers.{layer}.{_WRITTEN[rest]}.weight"

    model = Transformer(SMALL)
    tensors = {written(name): weight.detach() for name, weight in model.named_parameters()}
    return b"".join(serialise(tensors, {}))


def llama(choices: Choices) -> Files:
    files = {CONFIG: json_bytes(LLAMA), WEIGHTS: llama_weights()}
    match choices.below(4):
        case 0:
            files[WEIGHTS] = damaged_tensors(choices, files[WEIGHTS])
        case 1:
            files[CONFIG] = damaged_bytes(files[CONFIG], choices)
        case 2:
            index = {"weight_map": {"a": WEIGHTS, "b": "model-2.safetensors"}}
            files["model.safetensors.index.json"] = json_bytes(damaged_json(index, choices))
        case _:
            files[CONFIG] = json_bytes(damaged_json(LLAMA, choices))
    return files


def read_foreign(directory: Path) -> None:
    read_llama(directory, context_length=8)
