"""The model types of `transformers` that express our architectures exactly, and which of ours.

Found by reading the modelling code of transformers 5.24. What no type has:

* ALiBi as ours: Falcon divides it by the root of head_dim and rounds it to bfloat16, the norms of
  MPT have no biases, Bloom normalises its embeddings;
* learned positions with a gated block (those with RMS norms are told by `mirrored`);
* layer norms of the stream with RMS norms of queries and keys.

A feed-forward block without a gate is not a special case of one with a gate.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.export.hugging_face.mirrored import mirrored_architecture
from orchestrator.export.hugging_face.names import gpt2, renamed
from orchestrator.export.hugging_face.uniform import uniform_shape
from trainers.model import NORM_EPSILON, ROTARY_BASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from orchestrator.export.hugging_face.uniform import Shape
    from search_spaces.gpt.architecture import Activation, Architecture, Norm, Position

Tensors = dict[str, "Tensor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One model type."""

    model_type: str
    model_class: str
    norm: Norm
    position: Position
    activations: tuple[Activation, ...]
    qk_norm: bool
    heads_divide_width: bool = False
    heads_fill_width: bool = False
    grouped: bool = True
    is_mirrored: bool = False
    """The type has layer norms: RMS norms are expressed by a stream of twice the width."""
    config: Callable[[Architecture, Shape], dict[str, Any]]
    """The type's own keys of config.json."""
    tensors: Callable[[Tensors], Tensors]
    """From our names to the type's."""

    def stream(self, a: Architecture) -> Architecture:
        """Return the architecture with the stream that the type's files have."""
        return mirrored_architecture(a) if self.is_mirrored else a

    def shape(self, a: Architecture) -> Shape | None:
        """Return what the layers of an architecture are padded to; None: they do not fit."""
        return uniform_shape(
            self.stream(a),
            heads_divide_width=self.heads_divide_width,
            heads_fill_width=self.heads_fill_width,
            grouped=self.grouped,
        )

    def misfits(self, a: Architecture) -> tuple[tuple[str, object, object], ...]:
        """Return (gene, found, nearest that the type expresses); empty: all of them fit."""
        found: list[tuple[str, object, object]] = []
        for name in ("norm", "position", "qk_norm"):
            own, wanted = getattr(self, name), getattr(a, name)
            if own != wanted:
                found.append((name, wanted, own))
        if a.activation not in self.activations:
            found.append(("activation", a.activation, self.activations[0]))
        if self.shape(a) is None:
            most = max(1, self.stream(a).d_model // a.head_dim)
            found.append(("num_heads", max(a.num_heads), most))
        return tuple(found)


def _sizes(a: Architecture, shape: Shape) -> dict[str, Any]:
    return {
        "hidden_size": a.d_model,
        "num_hidden_layers": a.num_layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "intermediate_size": shape.d_ff,
        "max_position_embeddings": a.context_length,
        "hidden_act": "silu" if a.activation == "swiglu" else a.activation,
        "attention_dropout": 0.0,
        "rope_theta": ROTARY_BASE,
        "rope_parameters": {"rope_type": "default", "rope_theta": ROTARY_BASE},
    }


def _rms(a: Architecture, shape: Shape) -> dict[str, Any]:
    return {
        **_sizes(a, shape),
        "head_dim": shape.head_dim,
        "rms_norm_eps": NORM_EPSILON,
        "attention_bias": False,
        "mlp_bias": False,
    }


def _apertus(a: Architecture, shape: Shape) -> dict[str, Any]:
    return {k: v for k, v in _rms(a, shape).items() if k != "mlp_bias"}


def _qwen3(a: Architecture, shape: Shape) -> dict[str, Any]:
    return {**_apertus(a, shape), "use_sliding_window": False}


def _starcoder2(a: Architecture, shape: Shape) -> dict[str, Any]:
    return {
        **_sizes(a, shape),
        "head_dim": shape.head_dim,
        "norm_epsilon": NORM_EPSILON,
        "use_bias": False,
        "residual_dropout": 0.0,
        "embedding_dropout": 0.0,
        "sliding_window": None,
    }


def _stablelm(a: Architecture, shape: Shape) -> dict[str, Any]:
    sizes = _sizes(a, shape)
    # half a channel more, so that rounding down in floating point gives exactly head_dim
    turned = 1.0 if shape.head_dim == a.head_dim else (a.head_dim + 0.5) / shape.head_dim
    return {
        **sizes,
        "partial_rotary_factor": turned,
        "rope_parameters": {**sizes["rope_parameters"], "partial_rotary_factor": turned},
        "layer_norm_eps": NORM_EPSILON,
        "use_qkv_bias": False,
        "qk_layernorm": False,
        "use_parallel_residual": False,
        "hidden_dropout": 0.0,
    }


def _gpt2(a: Architecture, shape: Shape) -> dict[str, Any]:
    return {
        "n_embd": a.d_model,
        "n_layer": a.num_layers,
        "n_head": shape.heads,
        "n_inner": shape.d_ff,
        "n_positions": a.context_length,
        "activation_function": a.activation,
        "layer_norm_epsilon": NORM_EPSILON,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
    }


_GPT2 = Family(
    model_type="gpt2",
    model_class="GPT2LMHeadModel",
    norm="layer",
    position="learned",
    activations=("gelu", "relu2"),
    qk_norm=False,
    heads_fill_width=True,
    grouped=False,
    config=_gpt2,
    tensors=gpt2,
)
FAMILIES = (
    Family(
        model_type="llama",
        model_class="LlamaForCausalLM",
        norm="rms",
        position="rotary",
        activations=("swiglu",),
        qk_norm=False,
        heads_divide_width=True,
        config=_rms,
        tensors=renamed(up="mlp.up_proj", gate="mlp.gate_proj", down="mlp.down_proj"),
    ),
    Family(
        model_type="arcee",
        model_class="ArceeForCausalLM",
        norm="rms",
        position="rotary",
        activations=("relu2", "gelu"),
        qk_norm=False,
        heads_divide_width=True,
        config=_rms,
        tensors=renamed(up="mlp.up_proj", down="mlp.down_proj"),
    ),
    Family(
        model_type="qwen3",
        model_class="Qwen3ForCausalLM",
        norm="rms",
        position="rotary",
        activations=("swiglu",),
        qk_norm=True,
        config=_qwen3,
        tensors=renamed(up="mlp.up_proj", gate="mlp.gate_proj", down="mlp.down_proj"),
    ),
    Family(
        model_type="apertus",
        model_class="ApertusForCausalLM",
        norm="rms",
        position="rotary",
        activations=("relu2", "gelu"),
        qk_norm=True,
        config=_apertus,
        tensors=renamed(
            norm_attention="attention_layernorm",
            norm_ffn="feedforward_layernorm",
            up="mlp.up_proj",
            down="mlp.down_proj",
        ),
    ),
    Family(
        model_type="starcoder2",
        model_class="Starcoder2ForCausalLM",
        norm="layer",
        position="rotary",
        activations=("gelu", "relu2"),
        qk_norm=False,
        config=_starcoder2,
        tensors=renamed(up="mlp.c_fc", down="mlp.c_proj"),
    ),
    Family(
        model_type="stablelm",
        model_class="StableLmForCausalLM",
        norm="layer",
        position="rotary",
        activations=("swiglu",),
        qk_norm=False,
        heads_fill_width=True,
        config=_stablelm,
        tensors=renamed(up="mlp.up_proj", gate="mlp.gate_proj", down="mlp.down_proj"),
    ),
    _GPT2,
    dataclasses.replace(_GPT2, norm="rms", is_mirrored=True),
)


def nearest_family(a: Architecture) -> Family:
    """Return the type with the fewest genes that it cannot express, the earlier of equals."""
    return min(FAMILIES, key=lambda family: len(family.misfits(a)))
