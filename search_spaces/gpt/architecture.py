"""The architecture half of a genome: the shape of a decoder-only transformer, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from search_spaces.domains import Choice, Integer, PerLayer
from search_spaces.genes import Within

Activation = Literal["gelu", "relu2", "swiglu"]
Norm = Literal["layer", "rms"]
Position = Literal["rotary", "learned", "alibi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Decides a model wholly. Fields without a domain are constants of the run, not genes."""

    vocab_size: int
    """Tokens in the vocabulary; set by the corpus."""
    context_length: int
    """Tokens in the longest sequence; set by the run."""
    num_layers: Annotated[int, Integer(1, 8), Within(1, 512)]
    """Blocks of one attention and one feed-forward component."""
    d_model: Annotated[int, Integer(32, 512, step=16, log=True), Within(1, 65_536)]
    """Width of the residual stream."""
    head_dim: Annotated[int, Choice((16, 32, 64)), Within(1, 1024)]
    """Width of one head; heads * head_dim need not equal d_model."""
    num_heads: Annotated[tuple[int, ...], PerLayer(Integer(1, 8)), Within(1, 512)]
    """Query heads of each layer."""
    num_kv_heads: Annotated[tuple[int, ...], PerLayer(Integer(1, 8)), Within(1, 512)]
    """Key and value heads of each layer; each divides the layer's query heads."""
    d_ff: Annotated[
        tuple[int, ...], PerLayer(Integer(32, 2048, step=32, log=True)), Within(1, 1_048_576)
    ]
    """Hidden units of each layer's feed-forward block."""
    activation: Annotated[Activation, Choice(("gelu", "relu2", "swiglu"))]
    norm: Annotated[Norm, Choice(("layer", "rms"))]
    position: Annotated[Position, Choice(("rotary", "learned", "alibi"))]
    qk_norm: Annotated[bool, Choice((False, True))]
    """RMS-normalise queries and keys, with a learned gain per head_dim channel."""
    tied_embeddings: Annotated[bool, Choice((False, True))]
    """Read tokens out with the matrix that reads them in."""
