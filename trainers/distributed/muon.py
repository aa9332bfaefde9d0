"""Muon over matrices whose rows several processes hold (Liu et al. 2025, arXiv:2502.16982).

Momentum is elementwise and stays split; the orthogonalisation needs the whole matrix. Matrices are
dealt to the ranks in turn: each is brought together where it is computed, and its update goes back
in parts, so that the Newton-Schulz iterations are split over the processes, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from trainers.distributed.ranks import Ranks


class SplitMuon(torch.optim.Optimizer):
    """The same updates as `torch.optim.Muon` with Nesterov momentum, on this process's rows.

    Args:
        groups: as torch's; their tensors are rows of matrices.
        shapes: of the whole matrices, by the `id` of their rows.
        ranks: who holds the other rows.
        momentum: of the moving average.
        ns_steps: Newton-Schulz iterations.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        *,
        shapes: Mapping[int, torch.Size],
        ranks: Ranks,
        momentum: float,
        ns_steps: int,
    ) -> None:
        super().__init__(groups, {"lr": 1.0, "weight_decay": 0.0})
        self._shapes = dict(shapes)
        self._ranks = ranks
        self._momentum = momentum
        self._ns_steps = ns_steps

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all rows from their `grad`."""
        assert closure is None
        turn = 0
        for group in self.param_groups:
            for rows in group["params"]:
                assert rows.grad is not None
                average = self.state[rows]["momentum_buffer"]
                average.lerp_(rows.grad, 1 - self._momentum)
                update = rows.grad.lerp(average, self._momentum)
                change = self._orthogonal(
                    update, self._shapes[id(rows)], group["lr"], owner=turn % self._ranks.size
                )
                rows.mul_(1 - group["lr"] * group["weight_decay"])
                rows.add_(change)
                turn += 1

    def _orthogonal(self, rows: Tensor, shape: torch.Size, rate: float, *, owner: int) -> Tensor:
        """Return this process's rows of what a whole matrix is changed by, decay apart."""
        whole = self._ranks.gathered_at(rows, shape, owner)
        if whole is not None:
            # torch's own rule, on a matrix of zeros without momentum or decay: the change alone.
            change = torch.zeros_like(whole)
            change.grad = whole
            torch.optim.Muon(
                [change],
                lr=rate,
                weight_decay=0.0,
                momentum=0.0,
                nesterov=False,
                ns_steps=self._ns_steps,
                adjust_lr_fn="match_rms_adamw",
            ).step()
            whole = change
        return self._ranks.scattered(whole, shape, owner, like=rows)
