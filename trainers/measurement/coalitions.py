"""v(S) = -L(only S active) of many coalitions, each block evaluated once for all that share it.

What a layer says depends on the gates below it only. Coalitions are therefore taken as a tree: the
gates of the embedding, then of each block in the order of evaluation. A block's heads (or hidden
units) are computed once for every coalition that has the same gates below; what differs is the
product that brings them back to the stream. Under zero-ablation a block that is wholly off adds
nothing and is not evaluated. Every product has the shape that a whole forward pass gives it, so
that the losses are the same bits.

Losses are means over the tokens of each sequence, so that everything made of them has a standard
error over sequences.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from trainers.distributed.alone import ALONE
from trainers.measurement.gates import Gate, replacements_of
from trainers.measurement.spent import Spent
from trainers.model import token_losses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from search_spaces.gpt.architecture import Architecture
    from trainers.data import EvaluationBatch
    from trainers.distributed.alone import Alone
    from trainers.distributed.ranks import Ranks
    from trainers.distributed.rows import Rows
    from trainers.measurement.components import Components
    from trainers.measurement.gates import Ablation, Replacements
    from trainers.model import Transformer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoalitionLosses:
    """The losses of coalitions of all components."""

    coalitions: NDArray[np.bool_]  # (m, n), in the order asked for
    losses: NDArray[np.float64]  # (m, sequences), nats per token
    ablation: Ablation
    spent: Spent

    @property
    def values(self) -> NDArray[np.float64]:  # (m,)
        """v(S): minus the mean loss, nats per token."""
        values: NDArray[np.float64] = -self.losses.mean(axis=1)
        return values

    @property
    def standard_errors(self) -> NDArray[np.float64]:  # (m,)
        """Of the values, over sequences; of differences take `standard_error` of differences."""
        return standard_error(self.losses)


def standard_error(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard error of the mean over the last axis, sequences."""
    error: NDArray[np.float64] = np.std(samples, axis=-1, ddof=1) / np.sqrt(samples.shape[-1])
    return error


def check_batches(batches: Sequence[EvaluationBatch]) -> int:
    """Return the sequences of all batches; insist on two or more, all of one length.

    Raises:
        ValueError: They are fewer, or of several lengths.
    """
    sequences = sum(len(batch.tokens) for batch in batches)
    lengths = sorted({batch.tokens.shape[1] - 1 for batch in batches})
    if sequences < 2 or len(lengths) != 1 or lengths[0] < 1:
        raise ValueError(
            f"Game batches hold 2 sequences or more, all of one length, for a standard error over "
            f"sequences, but got {sequences} of lengths {lengths}. Use "
            f"Corpus.evaluation_batches('game', ...)."
        )
    return sequences


def coalition_losses(
    model: Transformer,
    batches: Sequence[EvaluationBatch],
    coalitions: NDArray[np.bool_],  # (m, n) over all components
    *,
    components: Components,
    ablation: Ablation = "zero",
    progress: Callable[[int], None] | None = None,
    ranks: Alone | Ranks = ALONE,
) -> CoalitionLosses:
    """Evaluate coalitions of all components of a model, without dropout, in float32.

    Args:
        model: On any device.
        batches: Game batches; 2 sequences or more in all, of one length.
        coalitions: One a row, True where the component is active. Rows may repeat.
        components: Of the model.
        ablation: What stands in for components that are off.
        progress: Called with the number of coalitions of a batch that were done since the last
            call; m * len(batches) in all.
        ranks: The processes that the model and the sequences are split over: zero-ablation only,
            since what else stands in is taken from other sequences.

    Raises:
        ValueError: Batches, coalitions or kind of ablation break their law, or a loss is not
            finite.
    """
    if ranks.size > 1 and ablation != "zero":
        raise ValueError(
            f"A model split over {ranks.size} processes plays under zero-ablation, but got "
            f"{ablation!r}. Measure it in one process for the others."
        )
    sequences = check_batches(batches)
    rows = np.asarray(coalitions, dtype=np.bool_)
    if rows.ndim != 2 or rows.shape[1] != len(components):
        raise ValueError(
            f"Coalitions are (m, {len(components)}), a column for each component of the model, but "
            f"got the shape {rows.shape}. Fill in the components that do not play."
        )
    model.eval()
    stand_ins = replacements_of(model, batches, components, ablation)
    distinct, place = np.unique(rows, axis=0, return_inverse=True)
    counts = np.bincount(place.reshape(-1), minlength=len(distinct))
    losses = np.empty((len(distinct), sequences))
    flops = 0.0
    evaluations = 0
    first = 0
    for batch, replacements in zip(batches, stand_ins, strict=True):
        last = first + len(batch.tokens)
        rows_of_batch = ranks.rows(len(batch.tokens))
        tree = _Tree(
            model,
            batch,
            components,
            replacements,
            progress=progress,
            counts=counts,
            ranks=ranks,
            rows=rows_of_batch,
        )
        own = np.empty((len(distinct), rows_of_batch.last - rows_of_batch.first))
        tree.evaluate(distinct, own)
        losses[:, first:last] = ranks.joined(own, rows_of_batch, axis=1)
        flops, evaluations, first = flops + tree.flops, evaluations + tree.evaluations, last
    if not np.isfinite(losses).all():
        raise ValueError(
            "Losses of coalitions must be finite, but got NaN or infinity. The model has diverged: "
            "take an earlier checkpoint of it."
        )
    if ablation != "zero":  # the pass in which the replacements were seen
        evaluations += 2 * model.architecture.num_layers * len(batches)
        flops += _forward_flops(model.architecture, batches)
    return CoalitionLosses(
        coalitions=rows,
        losses=losses[place.reshape(-1)],
        ablation=ablation,
        spent=Spent(
            coalitions=len(distinct),
            block_evaluations=evaluations,
            plain_block_evaluations=(
                2 * model.architecture.num_layers * len(batches) * len(distinct)
            ),
            flops=flops,
        ),
    )


class _Tree:
    """One walk over the tree of coalitions on one batch; counts what it evaluates."""

    def __init__(
        self,
        model: Transformer,
        batch: EvaluationBatch,
        components: Components,
        replacements: Replacements,
        *,
        progress: Callable[[int], None] | None,
        counts: NDArray[np.int64],
        ranks: Alone | Ranks,
        rows: Rows,
    ) -> None:
        self._ranks = ranks
        tokens_BT = batch.tokens[rows.slice].to(model.embedding.weight.device)
        self._inputs_BT, self._targets_BT = tokens_BT[:, :-1], tokens_BT[:, 1:]
        self._rotary = model.rotary(self._inputs_BT.shape[1])
        self._model = model
        self._columns = components.blocks
        self._replacements = replacements.blocks
        self._progress = progress
        self._counts = counts
        self._costs = _BlockFlops.of(model.architecture, batch.tokens[:, :-1])
        self.flops = 0.0
        self.evaluations = 0

    def evaluate(
        self,
        rows: NDArray[np.bool_],  # (m, n)
        losses: NDArray[np.float64],  # (m, B), filled
    ) -> None:
        with self._ranks.measuring(), self._ranks.unsharded(self._model):
            said = self._model.embed(self._inputs_BT)
            for gate, here in self._groups(0, rows, np.arange(len(rows))):
                self._descend(1, gate(said), rows, here, losses)

    def _descend(
        self,
        block: int,
        x_BTC: Tensor,
        rows: NDArray[np.bool_],
        here: NDArray[np.int64],
        losses: NDArray[np.float64],
    ) -> None:
        """Evaluate the coalitions `here`, whose stream below a block is `x_BTC`."""
        if block == len(self._columns):
            loss_BT = token_losses(self._model.read_out(x_BTC), self._targets_BT)
            losses[here] = loss_BT.mean(1, dtype=torch.float64).cpu().numpy()
            self.flops += self._costs.readout
            if self._progress is not None:
                self._progress(int(self._counts[here].sum()))
            return
        layer = self._model.layer((block - 1) // 2)
        is_attention = block % 2 == 1
        said: Tensor | None = None
        for gate, group in self._groups(block, rows, here):
            if self._replacements[block] is None and not rows[group[0], self._columns[block]].any():
                self._descend(block + 1, x_BTC, rows, group, losses)  # adds exactly nothing
                continue
            with self._ranks.unsharded(layer):
                if said is None:
                    if is_attention:
                        said = layer.attention.mixed(layer.norm_attention(x_BTC), self._rotary)
                    else:
                        said = layer.ffn.activated(layer.norm_ffn(x_BTC))
                    self.evaluations += 1
                    self.flops += self._costs.inside[block - 1]
                project = layer.attention.out if is_attention else layer.ffn.down
                self.flops += self._costs.outside[block - 1]
                above_BTC = x_BTC + project(gate(said))
            self._descend(block + 1, above_BTC, rows, group, losses)

    def _groups(
        self, block: int, rows: NDArray[np.bool_], here: NDArray[np.int64]
    ) -> list[tuple[Gate, NDArray[np.int64]]]:
        """Part coalitions by the gates of a block."""
        own = rows[here, self._columns[block]]
        states, member = np.unique(own, axis=0, return_inverse=True)
        member = member.reshape(-1)
        order = np.argsort(member, kind="stable")
        ends = np.cumsum(np.bincount(member, minlength=len(states)))
        device = self._inputs_BT.device
        return [
            (
                Gate(
                    torch.from_numpy(state.astype(np.float32)).to(device), self._replacements[block]
                ),
                here[order[begin:end]],
            )
            for state, (begin, end) in zip(states, itertools.pairwise([0, *ends]), strict=True)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _BlockFlops:
    """FLOPs on one batch: of each block up to its gates, of its way back, of the readout."""

    inside: tuple[float, ...]
    outside: tuple[float, ...]
    readout: float

    @staticmethod
    def of(a: Architecture, tokens_BT: Tensor) -> _BlockFlops:
        tokens, length = tokens_BT.numel(), tokens_BT.shape[1]
        inside: list[float] = []
        outside: list[float] = []
        before = 2 if a.activation == "swiglu" else 1
        for heads, kv_heads, width in zip(a.num_heads, a.num_kv_heads, a.d_ff, strict=True):
            qkv = 2 * a.d_model * a.head_dim * (heads + 2 * kv_heads)
            inside.append(float(tokens * (qkv + 2 * length * a.head_dim * heads)))
            outside.append(float(tokens * 2 * a.d_model * a.head_dim * heads))
            inside.append(float(tokens * 2 * before * a.d_model * width))
            outside.append(float(tokens * 2 * a.d_model * width))
        readout = float(tokens * 2 * a.d_model * a.vocab_size)
        return _BlockFlops(inside=tuple(inside), outside=tuple(outside), readout=readout)


def _forward_flops(a: Architecture, batches: Sequence[EvaluationBatch]) -> float:
    costs = [_BlockFlops.of(a, batch.tokens[:, :-1]) for batch in batches]
    return sum(sum(c.inside) + sum(c.outside) for c in costs)
