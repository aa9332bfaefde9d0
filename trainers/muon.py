"""Muon's update of whole matrices (Liu et al. 2025, arXiv:2502.16982, equation 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Of Muon only the class is public, and that would import the compiler (see trainers.optimizers).
from torch.optim._muon import muon

if TYPE_CHECKING:
    from torch import Tensor

NEWTON_SCHULZ_STEPS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration (Jordan et al. 2024, kellerjordan.github.io/posts/muon)."""
EPSILON = 1e-7


def update_matrices(
    matrices: list[Tensor],
    gradients: list[Tensor],
    averages: list[Tensor],
    *,
    rate: float,
    decay: float,
    momentum: float,
) -> None:
    """Update matrices and the moving averages of their gradients in place, by Nesterov's momentum.

    Args:
        matrices: two-dimensional, of any shapes; no gradient is recorded for them.
        gradients: shapes of the matrices.
        averages: shapes of the matrices.
        rate: of learning, on AdamW's scale: an update has a root mean square of about 0.2 rates.
        decay: matrices shrink by rate * decay.
        momentum: weight of the old average; 0: the gradient alone counts.
    """
    muon(
        matrices,
        gradients,
        averages,
        lr=rate,
        weight_decay=decay,
        momentum=momentum,
        nesterov=True,
        ns_coefficients=COEFFICIENTS,
        ns_steps=NEWTON_SCHULZ_STEPS,
        eps=EPSILON,
        adjust_lr_fn="match_rms_adamw",
        has_complex=False,
    )
