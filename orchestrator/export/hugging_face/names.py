"""From the names and layouts of our tensors to those of model types of `transformers`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

Tensors = dict[str, "Tensor"]

_LAYER = re.compile(r"layers\.(\d+)\.(.+)\.(weight|bias)")


def renamed(
    *,
    up: str,
    down: str,
    gate: str = "",
    norm_attention: str = "input_layernorm",
    norm_ffn: str = "post_attention_layernorm",
) -> Callable[[Tensors], Tensors]:
    """Return what renames tensors for a type of Llama's layout: only names differ."""
    outside = {
        "embedding.weight": "model.embed_tokens.weight",
        "final_norm.weight": "model.norm.weight",
        "final_norm.bias": "model.norm.bias",
        "unembedding.weight": "lm_head.weight",
    }
    inside = {
        "norm_attention": norm_attention,
        "norm_ffn": norm_ffn,
        "attention.query": "self_attn.q_proj",
        "attention.key": "self_attn.k_proj",
        "attention.value": "self_attn.v_proj",
        "attention.out": "self_attn.o_proj",
        "attention.query_norm": "self_attn.q_norm",
        "attention.key_norm": "self_attn.k_norm",
        "ffn.up": up,
        "ffn.gate": gate,
        "ffn.down": down,
    }

    def rename(name: str) -> str:
        if match := _LAYER.fullmatch(name):
            layer, part, kind = match.groups()
            return f"model.layers.{layer}.{inside[part]}.{kind}"
        return outside[name]

    return lambda tensors: {rename(name): tensor for name, tensor in tensors.items()}


def gpt2(tensors: Tensors) -> Tensors:
    """Rename for GPT-2, whose matrices are transposed, fused and have biases."""
    outside = {
        "embedding.weight": "transformer.wte.weight",
        "position.weight": "transformer.wpe.weight",
        "final_norm.weight": "transformer.ln_f.weight",
        "final_norm.bias": "transformer.ln_f.bias",
        "unembedding.weight": "lm_head.weight",
    }
    norms = {"norm_attention": "ln_1", "norm_ffn": "ln_2"}
    matrices = {"attention.out": "attn.c_proj", "ffn.up": "mlp.c_fc", "ffn.down": "mlp.c_proj"}
    result: Tensors = {}

    def matrix(name: str, weight_OI: Tensor) -> None:
        result[f"{name}.weight"] = weight_OI.T.contiguous()
        result[f"{name}.bias"] = weight_OI.new_zeros(len(weight_OI))

    for name, tensor in tensors.items():
        match = _LAYER.fullmatch(name)
        if match is None:
            result[outside[name]] = tensor
            continue
        layer, part, kind = match.groups()
        at = f"transformer.h.{layer}"
        if part in norms:
            result[f"{at}.{norms[part]}.{kind}"] = tensor
        elif part in matrices:
            matrix(f"{at}.{matrices[part]}", tensor)
        elif part == "attention.query":
            parts = [tensors[f"layers.{layer}.attention.{n}.weight"] for n in ("key", "value")]
            matrix(f"{at}.attn.c_attn", torch.cat([tensor, *parts]))
    return result
