"""Do two curves cross at some scale? (baseline against evolved), with a bootstrap probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from orchestrator.laws.fitting.bootstrap import Bootstrap
    from orchestrator.laws.law import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossover:
    """Whether `first - second` changes sign between two scales.

    Args:
        probability: Share of resampled pairs of curves that cross in the range.
        scale: Median scale of the crossing among those, nan if none.
        interval: Its 95 % interval among those.
        estimate: Crossing of the two fits themselves, nan if they do not cross in the range.
        ahead_at_low, ahead_at_high: Probability that the first curve is lower at either end.
    """

    probability: float
    scale: float
    interval: tuple[float, float]
    estimate: float
    ahead_at_low: float
    ahead_at_high: float


def crossover(
    first: Bootstrap,
    second: Bootstrap,
    *,
    low: float,
    high: float,
    rng: np.random.Generator,
    points: int = 400,
) -> Crossover:
    """Compare two laws of one input over [low, high].

    Resamples of the two are paired at random: the curves come from different runs.

    Raises:
        ValueError: `0 < low < high` does not hold or a law has several inputs.
    """
    if not 0 < low < high:
        message = f"`0 < low < high` must hold, but got low={low}, high={high}."
        raise ValueError(message)
    if len(first.law.inputs) != 1 or len(second.law.inputs) != 1:
        message = "Crossovers are of laws of one input: fix the others first."
        raise ValueError(message)
    x = np.geomspace(low, high, points)
    count = min(len(first.theta), len(second.theta))
    a = first.theta[rng.permutation(len(first.theta))[:count]]
    b = second.theta[rng.permutation(len(second.theta))[:count]]
    gap = first.law.predict(a, (x,)) - second.law.predict(b, (x,))
    places = _last_crossing(gap, x)
    own = first.law.predict(first.estimate, (x,)) - second.law.predict(second.estimate, (x,))
    crossed = places[np.isfinite(places)]
    ends = np.quantile(crossed, [0.025, 0.5, 0.975]) if crossed.size else np.full(3, np.nan)
    return Crossover(
        probability=float(np.isfinite(places).mean()),
        scale=float(ends[1]),
        interval=(float(ends[0]), float(ends[2])),
        estimate=float(_last_crossing(own[None], x)[0]),
        ahead_at_low=float((gap[:, 0] < 0).mean()),
        ahead_at_high=float((gap[:, -1] < 0).mean()),
    )


def _last_crossing(gap: Array, x: Array) -> Array:
    """Scale of the last sign change of each row, nan without one, (R,)."""
    change = (gap[:, 1:] > 0) != (gap[:, :-1] > 0)
    has = change.any(axis=1)
    k = change.shape[1] - 1 - np.argmax(change[:, ::-1], axis=1)
    rows = np.arange(gap.shape[0])
    before, after = gap[rows, k], gap[rows, k + 1]
    share = np.divide(before, before - after, out=np.zeros_like(before), where=has)
    place = np.exp(np.log(x[k]) + share * (np.log(x[k + 1]) - np.log(x[k])))
    return np.where(has, place, np.nan)
