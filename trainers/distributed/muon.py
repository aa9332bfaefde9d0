"""Muon over matrices whose rows several processes hold (Liu et al. 2025, arXiv:2502.16982).

Momentum is elementwise and stays split; the orthogonalisation needs the whole matrix. Matrices are
dealt to the ranks in turn: each is brought together where it is computed, and its update goes back
in parts, so that the Newton-Schulz iterations are split over the processes, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from trainers.muon import update_matrices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from trainers.distributed.ranks import Ranks


def update_rows(
    rows: Sequence[Tensor],
    gradients: Sequence[Tensor],
    averages: Sequence[Tensor],
    shapes: Sequence[torch.Size],
    *,
    ranks: Ranks,
    rate: float,
    decay: float,
    momentum: float,
) -> None:
    """Do what `trainers.muon.update_matrices` does on this process's rows of matrices, in place.

    Args:
        rows: of each matrix those that this process keeps; no gradient is recorded for them.
        gradients: of the rows.
        averages: of the rows' gradients.
        shapes: of the whole matrices.
        ranks: who holds the other rows; all call this together.
        rate: of learning, on AdamW's scale.
        decay: rows shrink by rate * decay.
        momentum: weight of the old average.
    """
    matrices = zip(rows, gradients, averages, shapes, strict=True)
    for turn, (own, gradient, average, shape) in enumerate(matrices):
        average.lerp_(gradient, 1 - momentum)
        ahead = gradient.lerp(average, momentum)
        change = _orthogonal(ahead, shape, rate, ranks=ranks, owner=turn % ranks.size)
        own.mul_(1 - rate * decay)
        own.add_(change)


def _orthogonal(
    rows: Tensor, shape: torch.Size, rate: float, *, ranks: Ranks, owner: int
) -> Tensor:
    """Return this process's rows of what a whole matrix is changed by, decay apart."""
    whole = ranks.gathered_at(rows, shape, owner)
    change = None
    if whole is not None:
        # The rule itself, on a matrix of zeros without momentum or decay: the change alone.
        change = torch.zeros_like(whole)
        average = torch.zeros_like(whole)
        update_matrices([change], [whole], [average], rate=rate, decay=0.0, momentum=0.0)
    return ranks.scattered(change, shape, owner, like=rows)
