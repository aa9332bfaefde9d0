"""Gates: multipliers of what components say, and what stands in for one that is gated off.

A gate of strength m turns a component's output o into m o + (1 - m) r. The replacement r makes the
game (they are different games, so that the kind is always recorded):

    zero      r = 0
    mean      r = the mean of o over all tokens of the game batches
    resample  r = o at the same place of the next sequence of its batch (Chan et al. 2022, causal
              scrubbing; the last takes the first's)

with o as the whole model says it. Shapes: B sequences, T tokens, E channels, G components side by
side, each of E / G channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from trainers.data import EvaluationBatch
    from trainers.measurement.components import Components
    from trainers.model import Transformer

Ablation = Literal["zero", "mean", "resample"]
ABLATIONS: tuple[Ablation, ...] = ("zero", "mean", "resample")


@dataclass(frozen=True, slots=True)
class Gate:
    """The gates of components that lie side by side in one tensor."""

    strength: Tensor  # (G,) or (B, G); 1: as it is, 0: ablated
    replacement: Tensor | None = None  # broadcasts to (B, T, E); None: zero

    def __call__(self, x_BTE: Tensor) -> Tensor:
        """Return the gated channels; at strength 1 they are the same bits."""
        gated = _scaled(x_BTE, self.strength)
        if self.replacement is None:
            return gated
        return gated + _scaled(self.replacement.expand_as(x_BTE), 1 - self.strength)


def _scaled(x_BTE: Tensor, strength: Tensor) -> Tensor:
    parts = x_BTE.unflatten(-1, (strength.shape[-1], -1))
    scaled: Tensor = (parts * strength[..., None, :, None]).flatten(-2)
    return scaled


@dataclass(frozen=True, slots=True)
class Replacements:
    """What stands in for components that are off, block by block in the order of evaluation.

    Each broadcasts to (B, T, E); None: zero.
    """

    blocks: tuple[Tensor | None, ...]


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of a whole model, as `Transformer.forward` takes them."""

    embedding: Gate
    heads: tuple[Gate, ...]  # one a layer
    ffn: tuple[Gate, ...]  # one a layer

    @staticmethod
    def of(components: Components, strength: Tensor, replacements: Replacements) -> Gates:
        """Return the gates of strengths (n,) or (B, n), in the order of the components."""
        gates = [
            Gate(strength[..., columns], replacement)
            for columns, replacement in zip(components.blocks, replacements.blocks, strict=True)
        ]
        return Gates(embedding=gates[0], heads=tuple(gates[1::2]), ffn=tuple(gates[2::2]))


def replacements_of(
    model: Transformer,
    batches: Sequence[EvaluationBatch],
    components: Components,
    ablation: Ablation,
) -> list[Replacements]:
    """Return what stands in for gated components in each batch: one pass of the whole model.

    Raises:
        ValueError: An unknown kind of ablation, or one to be resampled from a single sequence.
    """
    nothing = Replacements((None,) * len(components.blocks))
    match ablation:
        case "zero":
            return [nothing] * len(batches)
        case "mean":
            sums: list[Tensor] = []
            tokens = 0
            for batch in batches:
                said = outputs_of(model, batch)
                totals = [x_BTE.double().sum((0, 1)) for x_BTE in said]
                sums = [a + b for a, b in zip(sums, totals, strict=True)] if sums else totals
                tokens += said[0].shape[0] * said[0].shape[1]
            return [Replacements(tuple((s / tokens).float() for s in sums))] * len(batches)
        case "resample":
            if min(len(batch.tokens) for batch in batches) < 2:
                raise ValueError(
                    "Resample-ablation needs at least 2 sequences in every batch, but got a batch "
                    "of 1. Use larger batches, or zero- or mean-ablation."
                )
            return [
                Replacements(tuple(x_BTE.roll(-1, 0) for x_BTE in outputs_of(model, batch)))
                for batch in batches
            ]
    raise ValueError(f"The ablation is one of {', '.join(ABLATIONS)}, but got {ablation!r}.")


@torch.no_grad()
def outputs_of(model: Transformer, batch: EvaluationBatch) -> list[Tensor]:
    """Return what the components of each block say in the whole model, (B, T, E) each."""
    tokens_BT = batch.tokens.to(model.embedding.weight.device)[:, :-1]
    rotary = model.rotary(tokens_BT.shape[1])
    x_BTC = model.embed(tokens_BT)
    said = [x_BTC]
    for index in range(model.architecture.num_layers):
        layer = model.layer(index)
        o_BTE = layer.attention.mixed(layer.norm_attention(x_BTC), rotary)
        x_BTC = x_BTC + layer.attention.out(o_BTE)
        h_BTF = layer.ffn.activated(layer.norm_ffn(x_BTC))
        x_BTC = x_BTC + layer.ffn.down(h_BTF)
        said += [o_BTE, h_BTF]
    return said
