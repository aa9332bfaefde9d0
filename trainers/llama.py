"""Reads checkpoints of Llama type, as `transformers` writes them, into our `Transformer`.

A directory holds `config.json` and `model.safetensors`, or `model.safetensors.index.json` and the
shards that it names. Model types: llama and mistral (Touvron et al. 2023, arXiv:2302.13971), qwen3
(queries and keys normalised), arcee (squared ReLU, not gated). What such a model can have and ours
cannot (biases, sliding windows, scaled or partial rotary positions, scaled embeddings) is an error,
never left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from search_spaces.gpt.architecture import Architecture
from trainers.model import Transformer
from trainers.serialisation import deserialise

if TYPE_CHECKING:
    from pathlib import Path

    from search_spaces.gpt.architecture import Activation

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"


class ForeignCheckpointError(Exception):
    """A checkpoint of others that cannot be read as what it is.

    Attributes:
        where: the file.
        law: what must hold.
        found: what was found instead.
        remedy: what to do about it.
    """

    def __init__(self, *, where: str, law: str, found: str, remedy: str) -> None:
        super().__init__(f"{where}: {law}, but {found}. {remedy}")
        self.where, self.law, self.found, self.remedy = where, law, found, remedy

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (self.where, self.law, self.found, self.remedy)


def _rebuilt(where: str, law: str, found: str, remedy: str) -> ForeignCheckpointError:
    return ForeignCheckpointError(where=where, law=law, found=found, remedy=remedy)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a model type means for us."""

    activation: Activation
    written_activation: str
    qk_norm: bool


_KINDS = {
    "llama": _Kind("swiglu", "silu", qk_norm=False),
    "mistral": _Kind("swiglu", "silu", qk_norm=False),
    "qwen3": _Kind("swiglu", "silu", qk_norm=True),
    "arcee": _Kind("relu2", "relu2", qk_norm=False),
}
_ROLES = {
    "input_layernorm": "norm_attention",
    "self_attn.q_proj": "attention.query",
    "self_attn.k_proj": "attention.key",
    "self_attn.v_proj": "attention.value",
    "self_attn.o_proj": "attention.out",
    "self_attn.q_norm": "attention.query_norm",
    "self_attn.k_norm": "attention.key_norm",
    "post_attention_layernorm": "norm_ffn",
    "mlp.up_proj": "ffn.up",
    "mlp.gate_proj": "ffn.gate",
    "mlp.down_proj": "ffn.down",
}
_TOPS = {
    "model.embed_tokens.weight": "embedding.weight",
    "model.norm.weight": "final_norm.weight",
    "lm_head.weight": "unembedding.weight",
}


def read_llama(directory: Path, *, context_length: int | None = None) -> Transformer:
    """Return the model of a checkpoint, in float32 on the CPU.

    Args:
        directory: That holds it.
        context_length: Tokens of the longest sequence; the checkpoint's own by default, and at most
            that.

    Raises:
        ForeignCheckpointError: It is not there, damaged, of another type, or has what our models
            cannot have.
    """
    path = directory / CONFIG
    config = _json(path)
    architecture = _architecture(config, path, context_length)
    model = Transformer(
        architecture,
        norm_epsilon=float(_field(config, "rms_norm_eps", path)),
        rotary_base=_rotary_base(config, path),
    )
    _load(model, directory)
    return model


def _architecture(config: dict[str, Any], path: Path, context_length: int | None) -> Architecture:
    kind = _KINDS.get(str(config.get("model_type")))
    if kind is None:
        raise _unsuitable(
            path, f"model_type is one of {', '.join(_KINDS)}", f"it is {config.get('model_type')!r}"
        )
    _insist_on_plain(config, kind, path)
    layers = int(_field(config, "num_hidden_layers", path))
    heads = int(_field(config, "num_attention_heads", path))
    width = int(_field(config, "hidden_size", path))
    longest = int(_field(config, "max_position_embeddings", path))
    return Architecture(
        vocab_size=int(_field(config, "vocab_size", path)),
        context_length=longest if context_length is None else min(context_length, longest),
        num_layers=layers,
        d_model=width,
        head_dim=int(config.get("head_dim") or width // heads),
        num_heads=(heads,) * layers,
        num_kv_heads=(int(config.get("num_key_value_heads") or heads),) * layers,
        d_ff=(int(_field(config, "intermediate_size", path)),) * layers,
        activation=kind.activation,
        norm="rms",
        position="rotary",
        qk_norm=kind.qk_norm,
        tied_embeddings=bool(config.get("tie_word_embeddings", False)),
    )


def _insist_on_plain(config: dict[str, Any], kind: _Kind, path: Path) -> None:
    """Refuse what changes the function of the model and that ours cannot express."""
    plain = {
        "hidden_act": (kind.written_activation,),
        "attention_bias": (None, False),
        "mlp_bias": (None, False),
        "use_sliding_window": (None, False),
        "partial_rotary_factor": (None, 1, 1.0),
        "quantization_config": (None,),
    }
    for name, allowed in plain.items():
        if config.get(name) not in allowed:
            raise _unsuitable(
                path,
                f"{name} is {' or '.join(map(str, allowed))} or left out",
                f"it is {config[name]!r}" if name in config else "it is missing",
            )
    if config.get("model_type") == "mistral" and config.get("sliding_window") is not None:
        raise _unsuitable(path, "sliding_window is null", f"it is {config['sliding_window']!r}")


def _rotary_base(config: dict[str, Any], path: Path) -> float:
    rotary = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rotary.get("rope_type", rotary.get("type", "default"))
    if kind != "default":
        raise _unsuitable(path, "rotary positions are not scaled", f"rope_type is {kind!r}")
    return float(rotary.get("rope_theta", config.get("rope_theta", 10_000.0)))


def _load(model: Transformer, directory: Path) -> None:
    own = dict(model.named_parameters())
    missing = set(own)
    for path in _weight_files(directory):
        try:
            tensors, _ = deserialise(bytearray(path.read_bytes()))
        except (OSError, ValueError) as error:
            raise ForeignCheckpointError(
                where=str(path),
                law="the weights can be read",
                found=str(error).removesuffix("."),
                remedy="Export or download the checkpoint again.",
            ) from error
        for written, tensor in tensors.items():
            name = _name(written)
            if name == "unembedding.weight" and model.unembedding is None:
                continue  # some writers store a tied readout twice
            if name is None or name not in own:
                raise _unsuitable(path, "all weights are known", f"it has {written}")
            if own[name].shape != tensor.shape:
                raise _unsuitable(
                    path,
                    f"{written} has the shape {tuple(own[name].shape)} that config.json says",
                    f"it has {tuple(tensor.shape)}",
                )
            with torch.no_grad():
                own[name].copy_(tensor)
            missing.discard(name)
    if missing:
        raise ForeignCheckpointError(
            where=str(directory),
            law="every weight is there",
            found=f"{len(missing)} are missing, {min(missing)} among them",
            remedy="Export or download the checkpoint again.",
        )


def _weight_files(directory: Path) -> list[Path]:
    index = directory / INDEX
    if index.exists():
        names = _json(index).get("weight_map")
        if isinstance(names, dict) and names:
            return [directory / name for name in sorted(set(names.values()))]
        raise _unsuitable(index, "it maps weights to files", "it has no weight_map")
    return [directory / WEIGHTS]


def _name(written: str) -> str | None:
    if written in _TOPS:
        return _TOPS[written]
    parts = written.split(".")
    if parts[:2] != ["model", "layers"] or parts[-1] != "weight":
        return None
    role = _ROLES.get(".".join(parts[3:-1]))
    return None if role is None else f"layers.{parts[2]}.{role}.weight"


def _json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise ForeignCheckpointError(
            where=str(path),
            law="it can be read as JSON",
            found=reason,
            remedy="Give the directory of a checkpoint that save_pretrained has written.",
        ) from error
    if not isinstance(document, dict):
        raise _unsuitable(path, "it is a JSON object", f"it is a {type(document).__name__}")
    return document


def _field(config: dict[str, Any], name: str, path: Path) -> Any:
    if config.get(name) is None:
        raise _unsuitable(path, f"{name} is given", "it is missing")
    return config[name]


def _unsuitable(path: Path, law: str, found: str) -> ForeignCheckpointError:
    return ForeignCheckpointError(
        where=str(path),
        law=law,
        found=found,
        remedy="Only models of Llama type are read, in float32, bfloat16 or float16.",
    )
