"""Trials: the stretches of a search with one genome, and how well each did among its peers.

Losses fall while members train, so what is explained is not the loss but the *standing* of a
member in its generation: 0 for the lowest loss, 1 for the highest or a failure. A stretch's value
is the mean standing of its intervals; so a genome that lived long is one observation, not many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.comparing.generations import Generation
    from orchestrator.events import Ordered


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A stretch of intervals of one member with one genome."""

    order: Ordered
    """That began it, or its first one in these generations."""
    standing: float
    """Mean over its intervals, in [0, 1]; lower is better."""


def trials(told: Sequence[Generation]) -> tuple[Trial, ...]:
    """Return the stretches that these generations tell of, by member."""
    orders: dict[tuple[int, int], Ordered] = {}
    standings: dict[tuple[int, int], float] = {}
    for generation in told:
        orders |= {(order.member, order.generation): order for order in generation.orders}
        standings |= _standings(generation)
    stretches: list[tuple[Ordered, list[float]]] = []
    for point in sorted(standings):
        order = orders[point]
        goes_on = (
            stretches and order.decision == "continue" and order.member == stretches[-1][0].member
        )
        if not goes_on:
            stretches.append((order, []))
        stretches[-1][1].append(standings[point])
    return tuple(
        Trial(order=order, standing=sum(values) / len(values)) for order, values in stretches
    )


def _standings(generation: Generation) -> dict[tuple[int, int], float]:
    """Return who stood where: the rank of the loss over the greatest one, equals sharing theirs."""
    losses = np.array(
        [
            np.inf if r.failure is not None or r.nats_per_token is None else r.nats_per_token
            for r in generation.reports
        ]
    )
    if losses.size < 2:
        return {}  # nobody to stand beside
    ranks = (losses[:, None] > losses).sum(1) + ((losses[:, None] == losses).sum(1) - 1) / 2
    return {
        (r.member, r.generation): float(rank) / (losses.size - 1)
        for r, rank in zip(generation.reports, ranks, strict=True)
    }
