"""A decoder-only transformer decided wholly by its `Architecture`, layer by layer.

Shape suffixes: B sequences, T tokens, V vocabulary, C d_model, H query heads, K key-value heads,
D head_dim, F hidden units. Parameter names and shapes are a contract with `trainers.morphism`:

    embedding.weight (V, C)                        position.weight (context_length, C)   if learned
    layers.i.norm_attention.weight (C) [.bias]     layers.i.norm_ffn.weight (C) [.bias]
    layers.i.attention.query.weight (H*D, C)       layers.i.attention.key|value.weight (K*D, C)
    layers.i.attention.out.weight (C, H*D)         layers.i.attention.slopes (H) buffer  if alibi
    layers.i.attention.query_norm|key_norm.weight (D)                                    if qk_norm
    layers.i.ffn.up.weight (F, C)  [.gate.weight (F, C) if swiglu]   layers.i.ffn.down.weight (C, F)
    final_norm.weight (C) [.bias]                  unembedding.weight (V, C)             if not tied

Query head h reads key-value head h // (H / K). Norms have biases only when `norm` is `layer`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cuda_ext.ops import attribution_tap

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Activation, Architecture
    from trainers.distributed.rows import Rows
    from trainers.measurement.gates import Gate, Gates

NORM_EPSILON = 1e-10
"""So small that widening the stream rescales norms exactly in float32 (see trainers.morphism)."""
INITIAL_STD = 0.02
ROTARY_BASE = 10_000.0


@dataclass(frozen=True, slots=True)
class Taps:
    """A buffer that one backward pass fills with gate-gradient statistics (see `cuda_ext.ops`).

    Its columns are all N components: heads by layer, feed-forward blocks by layer, the embedding.
    """

    sums: Tensor  # (3, B, N); the others are views of it
    heads: tuple[Tensor, ...]  # one a layer, (3, B, H)
    ffn: tuple[Tensor, ...]  # one a layer, (3, B, 1)
    embedding: Tensor  # (3, B, 1)

    @staticmethod
    def zeros(architecture: Architecture, batch: int, device: torch.device) -> Taps:
        """Make an empty buffer for one batch of `batch` sequences."""
        layers, heads = architecture.num_layers, architecture.num_heads
        columns = [*heads, *[1] * layers, 1]
        sums = torch.zeros(3, batch, sum(columns), dtype=torch.float32, device=device)
        parts = sums.split_with_sizes(columns, dim=2)
        return Taps(sums, heads=parts[:layers], ffn=parts[layers:-1], embedding=parts[-1])


class Linear(nn.Linear):
    """A matrix, 0 until it is initialised or loaded: making a model draws no random number."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def reset_parameters(self) -> None:
        """Zero the weights."""
        nn.init.zeros_(self.weight)


class Embedding(nn.Embedding):
    """A table of vectors, 0 until it is initialised or loaded."""

    def reset_parameters(self) -> None:
        """Zero the weights."""
        nn.init.zeros_(self.weight)


class Attention(nn.Module):
    """Causal self-attention with grouped key-value heads."""

    def __init__(self, a: Architecture, layer: int, norm_epsilon: float) -> None:
        super().__init__()
        self.num_heads, self.num_kv_heads = a.num_heads[layer], a.num_kv_heads[layer]
        self.head_dim = a.head_dim
        self.query = Linear(a.d_model, self.num_heads * a.head_dim)
        self.key = Linear(a.d_model, self.num_kv_heads * a.head_dim)
        self.value = Linear(a.d_model, self.num_kv_heads * a.head_dim)
        self.out = Linear(self.num_heads * a.head_dim, a.d_model)
        self.query_norm = nn.RMSNorm(a.head_dim, eps=norm_epsilon) if a.qk_norm else None
        self.key_norm = nn.RMSNorm(a.head_dim, eps=norm_epsilon) if a.qk_norm else None
        if a.position == "alibi":
            # A head keeps its slope when heads come and go, so slopes travel with the state.
            self.register_buffer("slopes", alibi_slopes(self.num_heads))

    def forward(
        self,
        x_BTC: Tensor,
        rotary: tuple[Tensor, Tensor] | None,
        tap: Tensor | None,
        gate: Gate | None,
    ) -> Tensor:
        """Mix values across tokens and project back to the stream."""
        o_BTC = self.mixed(x_BTC, rotary)
        if tap is not None:
            o_BTC = attribution_tap(o_BTC, tap, self.head_dim)
        if gate is not None:
            o_BTC = gate(o_BTC)
        return self.out(o_BTC)  # type: ignore[no-any-return]

    def mixed(self, x_BTC: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        """Return what the heads say, side by side (B, T, H*D): nothing in it depends on gates."""
        B, T, _ = x_BTC.shape
        # One product for all three: the backward pass is 20 % faster on a CPU than with three.
        weights = (self.query.weight, self.key.weight, self.value.weight)
        projected_BTE = F.linear(x_BTC, torch.cat(weights))
        q_BHTD, k_BKTD, v_BKTD = (
            part.view(B, T, -1, self.head_dim).transpose(1, 2)
            for part in torch.split(projected_BTE, [len(w) for w in weights], dim=-1)
        )
        if self.query_norm is not None and self.key_norm is not None:
            q_BHTD, k_BKTD = self.query_norm(q_BHTD), self.key_norm(k_BKTD)
        bias: Tensor | None = None
        if rotary is not None:
            q_BHTD, k_BKTD = rotate(q_BHTD, rotary), rotate(k_BKTD, rotary)
        elif "slopes" in self._buffers:
            bias = alibi_bias(self.get_buffer("slopes"), T, q_BHTD.dtype)
        o_BHTD = F.scaled_dot_product_attention(
            q_BHTD,
            k_BKTD,
            v_BKTD,
            attn_mask=bias,
            is_causal=bias is None,
            enable_gqa=self.num_kv_heads != self.num_heads,
        )
        return o_BHTD.transpose(1, 2).reshape(B, T, self.num_heads * self.head_dim)


class FeedForward(nn.Module):
    """Position-wise feed-forward block."""

    def __init__(self, a: Architecture, layer: int) -> None:
        super().__init__()
        self.activation: Activation = a.activation
        hidden = a.d_ff[layer]
        self.up = Linear(a.d_model, hidden)
        self.gate = Linear(a.d_model, hidden) if a.activation == "swiglu" else None
        self.down = Linear(hidden, a.d_model)

    def forward(self, x_BTC: Tensor, tap: Tensor | None, gate: Gate | None) -> Tensor:
        """Apply the block.

        A gate acts on the hidden units, whose replacement is theirs. A tap looks behind `down`,
        which is linear: <h, dL/dh> = <y, dL/dy> for y = down(h), with F / C times fewer numbers.
        """
        h_BTF = self.activated(x_BTC)
        if gate is not None:
            h_BTF = gate(h_BTF)
        y_BTC: Tensor = self.down(h_BTF)
        return y_BTC if tap is None else attribution_tap(y_BTC, tap, y_BTC.shape[-1])

    def activated(self, x_BTC: Tensor) -> Tensor:
        """Return the hidden units (B, T, F): nothing in them depends on gates."""
        h_BTF: Tensor = self.up(x_BTC)
        if self.gate is not None:
            return F.silu(self.gate(x_BTC)) * h_BTF
        if self.activation == "relu2":
            return F.relu(h_BTF).square()
        return F.gelu(h_BTF)


class Layer(nn.Module):
    """Pre-norm residual block: attention, then feed-forward."""

    def __init__(self, a: Architecture, layer: int, norm_epsilon: float = NORM_EPSILON) -> None:
        super().__init__()
        self.norm_attention = make_norm(a, norm_epsilon)
        self.attention = Attention(a, layer, norm_epsilon)
        self.norm_ffn = make_norm(a, norm_epsilon)
        self.ffn = FeedForward(a, layer)

    def forward(
        self,
        x_BTC: Tensor,
        rotary: tuple[Tensor, Tensor] | None,
        dropout: float,
        rows: Rows | None,
        *,
        head_tap: Tensor | None,
        ffn_tap: Tensor | None,
        head_gate: Gate | None,
        ffn_gate: Gate | None,
    ) -> Tensor:
        """Add both branches to the stream."""
        dropout = dropout if self.training else 0.0
        attended = self.attention(self.norm_attention(x_BTC), rotary, head_tap, head_gate)
        x_BTC = x_BTC + dropped(attended, dropout, rows)
        changed = self.ffn(self.norm_ffn(x_BTC), ffn_tap, ffn_gate)
        return x_BTC + dropped(changed, dropout, rows)


class Transformer(nn.Module):
    """The language model. `forward` gives logits; `loss` gives nats per token.

    Args:
        architecture: decides its shape.
        norm_epsilon: added under the root of every norm; ours unless a model of others is loaded.
        rotary_base: of the angles of rotary positions; likewise.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        norm_epsilon: float = NORM_EPSILON,
        rotary_base: float = ROTARY_BASE,
    ) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.embedding = Embedding(a.vocab_size, a.d_model)
        self.position = Embedding(a.context_length, a.d_model) if a.position == "learned" else None
        self.layers = nn.ModuleList(Layer(a, i, norm_epsilon) for i in range(a.num_layers))
        self.final_norm = make_norm(a, norm_epsilon)
        self.unembedding = None if a.tied_embeddings else Linear(a.d_model, a.vocab_size)
        self._rotary_base = rotary_base
        self.tabulate()

    def tabulate(self) -> None:
        """Make the tables that no state holds, where the weights are."""
        a = self.architecture
        if a.position != "rotary":
            return
        table = rotary_table(a.context_length, a.head_dim, self._rotary_base)
        device = self.embedding.weight.device
        for name, values_TD in zip(("rotary_cos", "rotary_sin"), table, strict=True):
            self.register_buffer(name, values_TD.to(device), persistent=False)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights: normal(0, 0.02), residual outputs by 1/sqrt(2 layers) (GPT-2)."""
        residual_std = INITIAL_STD / math.sqrt(2 * self.architecture.num_layers)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                std = residual_std if name.endswith(("out.weight", "down.weight")) else INITIAL_STD
                parameter.normal_(0.0, std, generator=generator)
            elif name.endswith("bias"):
                parameter.zero_()
            else:
                parameter.fill_(1.0)

    def forward(
        self,
        tokens_BT: Tensor,
        *,
        dropout: float = 0.0,
        rows: Rows | None = None,
        taps: Taps | None = None,
        gates: Gates | None = None,
        recompute: bool = False,
    ) -> Tensor:
        """Return logits (B, T, V).

        Args:
            tokens_BT: below the vocabulary's size.
            dropout: acts in training mode.
            rows: which rows of a batch these are: they get the masks that the whole batch would
                give them. None: all.
            taps: filled in backward.
            gates: turn components down.
            recompute: keep only what each layer reads; backward computes the rest again (Chen et
                al. 2016, arXiv:1604.06174).
        """
        x_BTC = self.embed(tokens_BT)
        rotary = self.rotary(tokens_BT.shape[1])
        if taps is not None:
            x_BTC = attribution_tap(x_BTC, taps.embedding, self.architecture.d_model)
        if gates is not None:
            x_BTC = gates.embedding(x_BTC)
        for i, layer in enumerate(self.layers):
            head_tap, ffn_tap = (None, None) if taps is None else (taps.heads[i], taps.ffn[i])
            head_gate, ffn_gate = (None, None) if gates is None else (gates.heads[i], gates.ffn[i])
            call = partial(checkpoint, layer, use_reentrant=False) if recompute else layer
            x_BTC = call(
                x_BTC,
                rotary,
                dropout,
                rows,
                head_tap=head_tap,
                ffn_tap=ffn_tap,
                head_gate=head_gate,
                ffn_gate=ffn_gate,
            )
        return self.read_out(x_BTC)

    def embed(self, tokens_BT: Tensor) -> Tensor:
        """Return the stream (B, T, C) below the first layer: tokens, and learned positions."""
        x_BTC: Tensor = self.embedding(tokens_BT)
        if self.position is not None:
            x_BTC = x_BTC + self.position.weight[: tokens_BT.shape[1]]
        return x_BTC

    def rotary(self, length: int) -> tuple[Tensor, Tensor] | None:
        """Return the cosines and sines of rotary positions, each (T, D), where they are used."""
        if self.architecture.position != "rotary":
            return None
        return self.get_buffer("rotary_cos")[:length], self.get_buffer("rotary_sin")[:length]

    def layer(self, index: int) -> Layer:
        """Return a layer by its number."""
        return cast("Layer", self.layers[index])

    def read_out(self, x_BTC: Tensor) -> Tensor:
        """Return the logits (B, T, V) of the stream above the last layer."""
        readout = self.embedding if self.unembedding is None else self.unembedding
        return F.linear(self.final_norm(x_BTC), readout.weight)

    def loss(
        self,
        tokens_BT: Tensor,
        targets_BT: Tensor,
        *,
        dropout: float = 0.0,
        rows: Rows | None = None,
        taps: Taps | None = None,
        gates: Gates | None = None,
        recompute: bool = False,
    ) -> Tensor:
        """Return the loss of every token (B, T) in nats, in float32."""
        logits_BTV = self(
            tokens_BT, dropout=dropout, rows=rows, taps=taps, gates=gates, recompute=recompute
        )
        return token_losses(logits_BTV, targets_BT)


def dropped(x_BTC: Tensor, dropout: float, rows: Rows | None) -> Tensor:
    """Drop channels out; part of a batch draws the masks of the whole and takes its own."""
    if dropout == 0.0 or rows is None or rows.whole:
        return F.dropout(x_BTC, dropout, training=dropout > 0.0)
    scale_BTC = F.dropout(x_BTC.new_ones(rows.total, *x_BTC.shape[1:]), dropout)
    return x_BTC * scale_BTC[rows.slice]


def token_losses(logits_BTV: Tensor, targets_BT: Tensor) -> Tensor:
    """Return the cross entropy of every token (B, T) in nats, in float32."""
    return F.cross_entropy(
        logits_BTV.flatten(0, 1).float(), targets_BT.flatten(), reduction="none"
    ).view_as(targets_BT)


def make_norm(a: Architecture, epsilon: float) -> nn.Module:
    """Make one norm over the stream."""
    if a.norm == "rms":
        return nn.RMSNorm(a.d_model, eps=epsilon)
    return nn.LayerNorm(a.d_model, eps=epsilon)


def rotary_table(length: int, head_dim: int, base: float = ROTARY_BASE) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary positions (T, D), halves paired.

    Su et al. 2021, arXiv:2104.09864, equation 34.
    """
    frequency = base ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angle_TD = torch.outer(torch.arange(length, dtype=torch.float32), frequency).repeat(1, 2)
    return angle_TD.cos(), angle_TD.sin()


def rotate(x_BHTD: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Turn queries or keys by their positions; the layout of Llama-type checkpoints."""
    cos_TD, sin_TD = (t.to(x_BHTD.dtype) for t in table)
    first, second = x_BHTD.chunk(2, dim=-1)
    return x_BHTD * cos_TD + torch.cat((-second, first), dim=-1) * sin_TD


def alibi_slopes(heads: int) -> Tensor:
    """Slopes 2^(-8 (h + 1) / H) (Press et al. 2021, arXiv:2108.12409, section 3)."""
    return 2.0 ** (-8.0 * torch.arange(1, heads + 1, dtype=torch.float32) / heads)


def alibi_bias(slopes_H: Tensor, length: int, dtype: torch.dtype) -> Tensor:
    """Causal bias (H, T, T): minus slope times distance, minus infinity for the future."""
    position = torch.arange(length, device=slopes_H.device)
    distance_TT = (position[:, None] - position[None, :]).float()
    bias_HTT = -slopes_H[:, None, None] * distance_TT
    return bias_HTT.masked_fill(distance_TT < 0, float("-inf")).to(dtype)
