"""Reads checkpoints of Llama type, as `transformers` writes them, into our `Transformer`.

A directory holds `config.json` and `model.safetensors`, or `model.safetensors.index.json` and the
shards that it names. Model types: llama and mistral (Touvron et al. 2023, arXiv:2302.13971), qwen3
(queries and keys normalised), arcee (squared ReLU, not gated). What such a model can have and ours
cannot (biases, sliding windows, scaled or partial rotary positions, scaled embeddings) is an error,
never left out.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from search_spaces.gpt.architecture import Architecture
from search_spaces.gpt.cost import count_parameters
from search_spaces.gpt.plausible import LARGEST, MOST_LAYERS, require_plausible
from trainers.model import Transformer
from trainers.serialisation import deserialise

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Activation

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_SHARD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors")
"""Names of shards: none that leads out of the directory."""


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
    _require_weights(architecture, directory)
    model = Transformer(
        architecture,
        norm_epsilon=_positive(config, "rms_norm_eps", path),
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
    layers = _whole(config, "num_hidden_layers", path, most=MOST_LAYERS)
    heads = _whole(config, "num_attention_heads", path)
    width = _whole(config, "hidden_size", path)
    longest = _whole(config, "max_position_embeddings", path)
    shared = _whole({"num_key_value_heads": heads, **_given(config)}, "num_key_value_heads", path)
    narrow = _whole({"head_dim": width // heads, **_given(config)}, "head_dim", path)
    architecture = Architecture(
        vocab_size=_whole(config, "vocab_size", path),
        context_length=longest if context_length is None else min(context_length, longest),
        num_layers=layers,
        d_model=width,
        head_dim=narrow,
        num_heads=(heads,) * layers,
        num_kv_heads=(shared,) * layers,
        d_ff=(_whole(config, "intermediate_size", path),) * layers,
        activation=kind.activation,
        norm="rms",
        position="rotary",
        qk_norm=kind.qk_norm,
        tied_embeddings=bool(config.get("tie_word_embeddings", False)),
    )
    try:
        require_plausible(architecture)
    except ValueError as error:
        raise _unsuitable(path, "its numbers make a model", str(error).removesuffix(".")) from error
    return architecture


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
    if not isinstance(rotary, dict):
        raise _unsuitable(path, "rope_parameters is a JSON object", f"it is {rotary!r:.60}")
    kind = rotary.get("rope_type", rotary.get("type", "default"))
    if kind != "default":
        raise _unsuitable(path, "rotary positions are not scaled", f"rope_type is {kind!r}")
    base = rotary.get("rope_theta", config.get("rope_theta", 10_000.0))
    return _positive({"rope_theta": base}, "rope_theta", path)


def _require_weights(architecture: Architecture, directory: Path) -> None:
    """Check that there are files with so many weights, before room is made for them."""
    needed = count_parameters(architecture)
    try:
        held = sum(path.stat().st_size for path in _weight_files(directory))
    except OSError as error:
        raise _unreadable(Path(error.filename), error.strerror or str(error)) from error
    if needed > held:
        law = f"the weights of a model as config.json says have at least {needed} bytes"
        raise _unreadable(directory, f"there are {held}", law=law)


def _load(model: Transformer, directory: Path) -> None:
    own = dict(model.named_parameters())
    missing = set(own)
    for path in _weight_files(directory):
        try:
            tensors, _ = deserialise(bytearray(path.read_bytes()))
        except (OSError, ValueError) as error:
            raise _unreadable(path, str(error).removesuffix(".")) from error
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
        if not isinstance(names, dict) or not names:
            raise _unsuitable(index, "it maps weights to files", "it has no weight_map")
        for name in names.values():
            if not isinstance(name, str) or not _SHARD.fullmatch(name):
                raise _unsuitable(index, "its files lie beside it", f"it names {name!r:.60}")
        return [directory / name for name in sorted(set(names.values()))]
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
    except (OSError, ValueError, RecursionError) as error:
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


def _given(config: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are not null."""
    return {name: value for name, value in config.items() if value is not None}


def _whole(config: dict[str, Any], name: str, path: Path, *, most: int = LARGEST) -> int:
    value = _field(config, name, path)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise _unsuitable(path, f"{name} is a whole number from 1 to {most}", _shown(value))
    return value


def _positive(config: dict[str, Any], name: str, path: Path) -> float:
    value = _field(config, name, path)
    if not isinstance(value, int | float) or not 0 < value <= sys.float_info.max:
        raise _unsuitable(path, f"{name} is a number above 0", _shown(value))
    return float(value)


def _shown(value: object) -> str:
    text = repr(value)
    return f"it is {text if len(text) <= 60 else text[:57] + '...'}"


def _unreadable(
    path: Path, found: str, *, law: str = "the weights can be read"
) -> ForeignCheckpointError:
    return ForeignCheckpointError(
        where=str(path), law=law, found=found, remedy="Export or download the checkpoint again."
    )


def _unsuitable(path: Path, law: str, found: str) -> ForeignCheckpointError:
    return ForeignCheckpointError(
        where=str(path),
        law=law,
        found=found,
        remedy="Only models of Llama type are read, in float32, bfloat16 or float16.",
    )
