"""A ladder of small runs for a budget, and the prediction that it buys (Bhagia et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.planning.plan import FLOPS_PER_PARAMETER_TOKEN

if TYPE_CHECKING:
    from orchestrator.laws.fitting.bootstrap import Bootstrap
    from orchestrator.laws.law import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One run of a ladder."""

    size: float
    """Parameters."""
    tokens: float
    flops: float


def allocate_ladder(
    budget_flops: float,
    *,
    sizes: int = 5,
    span: float = 16.0,
    multipliers: tuple[float, ...] = (10.0, 20.0, 40.0, 80.0),
) -> tuple[Rung, ...]:
    """Spend a budget on a grid of sizes x tokens per parameter.

    Sizes are geometric over a factor `span`; every size is trained at every multiplier, so that
    size and tokens are not collinear. The largest size is chosen so that the whole grid costs the
    budget: 6 N^2 M summed over the grid.

    Raises:
        ValueError: Fewer than three sizes, fewer than two multipliers, or a budget not above zero.
    """
    if sizes < 3 or len(set(multipliers)) < 2 or not budget_flops > 0 or not span > 1:
        message = (
            "A ladder needs `sizes >= 3`, two or more multipliers, `span > 1` and a budget above "
            f"zero, but got sizes={sizes}, multipliers={multipliers}, span={span}, "
            f"budget_flops={budget_flops}."
        )
        raise ValueError(message)
    shape = np.geomspace(1.0 / span, 1.0, sizes)
    unit = FLOPS_PER_PARAMETER_TOKEN * float((shape**2).sum()) * sum(multipliers)
    top = np.sqrt(budget_flops / unit)
    rungs = []
    for size in top * shape:
        for multiplier in multipliers:
            tokens = multiplier * size
            flops = FLOPS_PER_PARAMETER_TOKEN * size * tokens
            rungs.append(Rung(size=float(size), tokens=float(tokens), flops=float(flops)))
    return tuple(rungs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Predicted output at given inputs with 95 % intervals.

    `interval` is of the law's mean (parameters only); `run_interval` is of a new run, with the
    scatter of the residuals added.
    """

    value: Array  # (m,)
    interval: Array  # (m, 2)
    run_interval: Array  # (m, 2)


def predict_at(
    resampled: Bootstrap,
    inputs: tuple[Array, ...],  # each (m,)
    *,
    residuals: Array,  # (n,), of the fit
    rng: np.random.Generator,
) -> Prediction:
    """Predict at new inputs from a bootstrap."""
    law = resampled.law
    value, low, high = resampled.interval_of(lambda theta: law.predict(theta, inputs))
    draws = law.predict(resampled.theta, inputs)
    noise = rng.choice(residuals - np.median(residuals), size=draws.shape)
    runs = draws * np.exp(noise) if law.residual == "log" else draws + noise
    under, over = np.nanquantile(runs, [0.025, 0.975], axis=0)
    return Prediction(
        value=value,
        interval=np.stack([low, high], axis=1),
        run_interval=np.stack([under, over], axis=1),
    )
