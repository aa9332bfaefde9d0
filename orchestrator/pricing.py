"""The price mu that a search asks for cost: fixed, or what its own population shows (DESIGN 4.5).

A population's price is the slope of its (cost, loss) front at its median cost. Fronts of few
members are noisy: two that cost nearly the same show a slope that says nothing of the others. So no
price makes the whole range of costs in the population dearer than the front's whole range of
losses, and the price starts at 0 and moves only a part of the way from generation to generation.
Where the front has a single member (the cheapest is the best) a unit of cost buys nothing, and the
price falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from orchestrator.game.participation import price_from_front

if TYPE_CHECKING:
    from collections.abc import Sequence

MOVE = 0.25
"""Share of the way to a generation's own slope: a memory of about four generations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The prices of a search, nats per token for one GFLOP per training token."""

    in_force: float
    """mu of the next reports."""
    of_scores: float
    """That at which the newest reports were scored, and members are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A price and where it came from."""

    value: float
    """Nats per token for one GFLOP per training token, >= 0."""
    reason: str
    """What moved it, in words."""


def front_price(
    costs: Sequence[float],  # GFLOPs of a training token
    losses: Sequence[float],  # nats per token
    *,
    before: float,
) -> Priced:
    """Return the price after a generation.

    Args:
        costs: Of the living members.
        losses: Of the same members.
        before: The price before.
    """
    if len(set(costs)) < 2:
        return Priced(value=before, reason="members that all cost the same show no price")
    _, cheapest = min(zip(costs, losses, strict=True))
    if not any(loss < cheapest for loss in losses):
        slope, reason = 0.0, "no member is better than the cheapest one"
    else:
        price = price_from_front(costs, losses, at=median(costs))
        bound = (cheapest - min(losses)) / (max(costs) - min(costs))
        slope = min(price.value, bound)
        reason = f"slope {slope:.4g} of a front of {len(price.front)} members"
        if price.value > bound:
            reason += f", held down from {price.value:.4g}"
    return Priced(value=before + MOVE * (slope - before), reason=reason)
