"""Muon's update of whole matrices (Liu et al. 2025, arXiv:2502.16982, equation 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

# torch's class would import the compiler (see trainers.optimizers), and it names its function
# nowhere else.
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
    nesterov: bool,
) -> None:
    """Update matrices and the moving averages of their gradients in place.

    Args:
        matrices: two-dimensional, of any shapes; no gradient is recorded for them.
        gradients: shapes of the matrices.
        averages: shapes of the matrices.
        rate: of learning, on AdamW's scale: an update has a root mean square of about 0.2 rates.
        decay: matrices shrink by rate * decay.
        momentum: weight of the old average.
        nesterov: the update looks one step of the average ahead.
    """
    muon(
        matrices,
        gradients,
        averages,
        lr=rate,
        weight_decay=decay,
        momentum=momentum,
        nesterov=nesterov,
        ns_coefficients=COEFFICIENTS,
        ns_steps=NEWTON_SCHULZ_STEPS,
        eps=EPSILON,
        adjust_lr_fn="match_rms_adamw",
        has_complex=False,
    )
