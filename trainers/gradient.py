"""The gradient of a batch's mean loss: in parts that fit, in the run's precision, over all ranks.

Gradient accumulation, mixed precision (Micikevicius et al. 2018, arXiv:1710.03740), dropout masks
from keys, and clipping by the global norm (Pascanu et al. 2013, arXiv:1211.5063).
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

import torch

from trainers import attribution
from trainers.distributed.alone import ALONE
from trainers.model import Taps
from trainers.seeds import seed_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from search_spaces.gpt.protocol import Protocol
    from trainers.distributed.alone import Alone
    from trainers.distributed.ranks import Ranks
    from trainers.model import Transformer
    from trainers.settings import TrainerSettings


class BatchGradient:
    """Leaves gradients in a model's parameters; all ranks call its methods in the same order.

    Args:
        model: The live model.
        protocol: Of which dropout and clipping are used.
        settings: Of which precision, sizes and compilation are used.
        ranks: The processes that the model and every batch are split over.
    """

    def __init__(
        self,
        model: Transformer,
        *,
        protocol: Protocol,
        settings: TrainerSettings,
        ranks: Alone | Ranks,
    ) -> None:
        self._model = model
        self._parameters = list(model.parameters())
        self._protocol = protocol
        self._settings = settings
        self._ranks = ranks
        compiled = settings.compile and ranks is ALONE  # split models are compiled by layers
        self._loss = torch.compile(model.loss) if compiled else model.loss

    def of(
        self, tokens_BT: Tensor, *, step: int, measure: bool
    ) -> tuple[float, attribution.Importance | None]:
        """Replace the gradient by that of the mean loss of a batch.

        Args:
            tokens_BT: All ranks' sequences, each with the token after its last.
            step: Keys the dropout masks.
            measure: Whether components are measured beside.

        Returns:
            The loss, nats per token, and what was measured.
        """
        for parameter in self._parameters:
            parameter.grad = None
        with self._dropout_masks(step):
            return self._accumulate(tokens_BT, measure=measure)

    def clip(self) -> float:
        """Scale the gradient down to the largest norm allowed; return its norm before."""
        gradients = [self._ranks.local(p.grad) for p in self._parameters if p.grad is not None]
        norm = self._ranks.norm(float(torch.nn.utils.get_total_norm(gradients)))
        if self._protocol.clip_norm < norm < math.inf:
            torch._foreach_mul_(gradients, self._protocol.clip_norm / norm)
        return norm

    def _accumulate(
        self, tokens_BT: Tensor, *, measure: bool
    ) -> tuple[float, attribution.Importance | None]:
        """Add the gradient part by part; return the loss, and utilities if asked."""
        settings, ranks = self._settings, self._ranks
        sequences, length = tokens_BT.shape[0], tokens_BT.shape[1] - 1
        limit = settings.micro_batch_tokens
        at_once = sequences if limit is None else max(1, limit // length) * ranks.size
        total = 0.0
        parts = []
        device = torch.device(settings.device)
        for part_BT in torch.split(tokens_BT, at_once):
            rows = ranks.rows(len(part_BT))
            own_BT = part_BT[rows.slice].to(device, non_blocking=True)
            taps = Taps.zeros(self._model.architecture, len(own_BT), device) if measure else None
            # Taps change the graph, so a measured step runs the model as it is written: what its
            # backward pass computes again, too.
            loss_of = self._model.loss if measure else self._loss
            with ranks.as_written() if measure else contextlib.nullcontext():
                with self._autocast():
                    loss_BT = loss_of(
                        own_BT[:, :-1],
                        own_BT[:, 1:],
                        dropout=self._protocol.dropout,
                        rows=None if rows.whole else rows,
                        taps=taps,
                        recompute=settings.activation_checkpointing,
                    )
                loss = loss_BT.sum() / (sequences * length)
                if rows.idle:  # it takes its part in what all ranks do together, and adds nothing
                    loss = loss * 0.0
                loss.backward()
            total += loss.item()
            if taps is not None:
                own = attribution.sequence_importance(taps, batch_sequences=sequences)
                parts.append(ranks.joined(own, rows))
        (total,) = ranks.totals([total])
        return total, attribution.joined(parts) if measure else None

    def _autocast(self) -> contextlib.AbstractContextManager[object]:
        if self._settings.dtype == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self._settings.device, dtype=torch.bfloat16)

    @contextlib.contextmanager
    def _dropout_masks(self, step: int) -> Iterator[None]:
        """Draw dropout masks from the key (seed, step) and leave the global generator as it was."""
        if self._protocol.dropout == 0.0:
            yield
            return
        on_cuda = self._settings.device == "cuda"
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if on_cuda else []):
            torch.manual_seed(seed_for(self._settings.seed, "dropout", step))
            yield
