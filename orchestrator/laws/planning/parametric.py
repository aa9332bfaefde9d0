"""Compute-optimal size from the fitted Chinchilla form (Hoffmann et al. 2022, eq. 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.planning.plan import FLOPS_PER_PARAMETER_TOKEN, Plan

if TYPE_CHECKING:
    from orchestrator.laws.fitting.bootstrap import Bootstrap
    from orchestrator.laws.fitting.fit import Fit
    from orchestrator.laws.law import Array


# N* = G (C/6)^(beta/(alpha+beta)), D* = (C/6)/N*, G = (alpha A / (beta B))^(1/(alpha+beta))
def optimal_size(
    theta: Array,  # (B, 5): E, A, B, alpha, beta
    flops: Array,  # (m,)
) -> Array:
    """Compute-optimal parameters under C = 6 N D, (B, m)."""
    _, a, b, alpha, beta = theta.T[:, :, None]
    total = alpha + beta
    log_g = (np.log(alpha * a) - np.log(beta * b)) / total
    result: Array = np.exp(log_g + beta / total * np.log(flops / FLOPS_PER_PARAMETER_TOKEN))
    return result


def tokens_per_parameter(theta: Array, flops: Array) -> Array:
    """Optimal D/N, (B, m)."""
    return np.asarray(flops / FLOPS_PER_PARAMETER_TOKEN / optimal_size(theta, flops) ** 2)


def plan_parametric(fitted: Fit, resampled: Bootstrap, flops: Array) -> Plan:
    """Plan from a fit of the Chinchilla law and its bootstrap.

    Raises:
        ValueError: The fit is of another law, or parameters were held.
    """
    if fitted.law.parameter_names != ("E", "A", "B", "alpha", "beta"):
        message = (
            "A parametric plan needs a fit of law chinchilla with all of E, A, B, alpha, beta, but "
            f"got {fitted.law.name} with {', '.join(fitted.law.parameter_names)}."
        )
        raise ValueError(message)
    size, low, high = resampled.interval_of(lambda theta: np.log(optimal_size(theta, flops)))
    slope, under, over = resampled.interval_of(lambda theta: theta[:, 4] / theta[:, 3:].sum(axis=1))
    per = FLOPS_PER_PARAMETER_TOKEN
    notes = []
    if fitted.problem.inputs:
        most = float((per * fitted.problem.inputs[0] * fitted.problem.inputs[1]).max())
        if flops.max() > 10 * most:
            notes.append(
                f"{flops.max():.2g} FLOPs are {flops.max() / most:.3g} times the largest run: "
                "an extrapolation."
            )
    return Plan(
        method="parametric", flops=flops, size=np.exp(size),
        size_interval=np.exp(np.stack([low, high], axis=1)),
        tokens=flops / per / np.exp(size),
        tokens_interval=np.stack([flops / per / np.exp(high), flops / per / np.exp(low)], axis=1),
        exponent=float(slope), exponent_interval=(float(under), float(over)), notes=tuple(notes),
    )  # fmt: skip


def plan_published(
    method: str,
    theta: Array,  # (1, 5): E, A, B, alpha, beta
    flops: Array,  # (m,)
) -> Plan:
    """Plan from published parameters: their intervals are not known, so they are nan."""
    size = optimal_size(theta, flops)[0]
    unknown = np.full((flops.size, 2), np.nan)
    return Plan(
        method=method, flops=flops, size=size, size_interval=unknown,
        tokens=flops / FLOPS_PER_PARAMETER_TOKEN / size, tokens_interval=unknown,
        exponent=float(theta[0, 4] / theta[0, 3:].sum()), exponent_interval=(np.nan, np.nan),
    )  # fmt: skip
