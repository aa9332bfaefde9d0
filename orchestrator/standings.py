"""From a lineage and its newest report to where the member stands, which fitness is made of."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.fitness import Standing
from search_spaces.gpt.cost import flops_per_token
from trainers.schedules import learning_rate_factor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.events import Reported
    from orchestrator.game_terms import GameEvidence
    from orchestrator.population import Life
    from search_spaces.gpt.protocol import ScheduleName

POINTS = 512
"""Samples of the whole budget: an annealing of a hundredth of it still has five."""


def standing(
    life: Life,
    report: Reported,
    *,
    past: bool = True,
    learning_rates: NDArray[np.float64] | None = None,  # (POINTS,)
    evidence: GameEvidence | None = None,
) -> Standing:
    """Return where the member stands.

    Args:
        life: Before the interval that the report is about.
        report: Of the interval.
        past: Whether losses before it are asked for; a long lineage has many.
        learning_rates: Along the whole budget; none: no estimator asks for them.
        evidence: What is known of its game.
    """
    now = sum(report.losses) / len(report.losses) if report.losses else math.nan
    architecture = life.genome.architecture
    return Standing(
        batch_losses=report.losses,
        curve=(
            *((point.tokens, point.loss) for point in (life.curve if past else ())),
            (report.ledger.tokens, now),
        ),
        flops_per_token=flops_per_token(architecture, sequence_length=architecture.context_length),
        learning_rates=learning_rates,
        evidence=evidence,
    )


def learning_rates(life: Life, *, horizon_tokens: int) -> NDArray[np.float64]:
    """Return the peak-scale learning rate at the middle of each 1/POINTS of the budget, (POINTS,).

    Args:
        life: Its protocols of the past hold until the tokens they were given up at.
        horizon_tokens: Tokens of the whole budget, which schedules refer to.
    """
    protocol = life.genome.protocol
    rates = protocol.learning_rate * _factors(
        protocol.schedule, protocol.warmup_fraction, protocol.decay_fraction
    )
    progress = (np.arange(POINTS) + 0.5) / POINTS
    for until, past in reversed(life.past_protocols):
        before = progress < until / horizon_tokens
        factors = _factors(past.schedule, past.warmup_fraction, past.decay_fraction)
        rates[before] = past.learning_rate * factors[before]
    return rates


@lru_cache(maxsize=4096)
def _factors(
    schedule: ScheduleName, warmup_fraction: float, decay_fraction: float
) -> NDArray[np.float64]:
    """Return the shares of the peak along the budget, (POINTS,); not to be written to."""
    return np.array(
        [
            learning_rate_factor(
                (at + 0.5) / POINTS,
                schedule=schedule,
                warmup_fraction=warmup_fraction,
                decay_fraction=decay_fraction,
            )
            for at in range(POINTS)
        ],
        dtype=np.float64,
    )
