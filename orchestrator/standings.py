"""From a lineage and its newest report to where the member stands, which fitness is made of."""

from __future__ import annotations

import math
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
    from search_spaces.gpt.protocol import Protocol

POINTS = 512
"""Samples of the whole budget: an annealing of a hundredth of it still has five."""


def standing(
    life: Life, report: Reported, *, horizon_tokens: int, evidence: GameEvidence | None = None
) -> Standing:
    """Return where the member stands.

    Args:
        life: Before the interval that the report is about.
        report: Of the interval.
        horizon_tokens: Tokens of the whole budget.
        evidence: What is known of its game.
    """
    now = sum(report.losses) / len(report.losses) if report.losses else math.nan
    architecture = life.genome.architecture
    return Standing(
        batch_losses=report.losses,
        curve=(
            *((point.tokens, point.loss) for point in life.curve),
            (report.ledger.tokens, now),
        ),
        flops_per_token=flops_per_token(architecture, sequence_length=architecture.context_length),
        learning_rates=learning_rates(life, horizon_tokens=horizon_tokens),
        evidence=evidence,
    )


def learning_rates(life: Life, *, horizon_tokens: int) -> NDArray[np.float64]:
    """Return the peak-scale learning rate at the middle of each 1/POINTS of the budget, (POINTS,).

    Args:
        life: Its protocols of the past hold until the tokens they were given up at.
        horizon_tokens: Tokens of the whole budget, which schedules refer to.
    """
    progress = (np.arange(POINTS) + 0.5) / POINTS
    rates = _rates(life.genome.protocol, progress)
    for until, protocol in reversed(life.past_protocols):
        before = progress < until / horizon_tokens
        rates[before] = _rates(protocol, progress[before])
    return rates


def _rates(protocol: Protocol, progress: NDArray[np.float64]) -> NDArray[np.float64]:
    return protocol.learning_rate * np.array(
        [
            learning_rate_factor(
                float(at),
                schedule=protocol.schedule,
                warmup_fraction=protocol.warmup_fraction,
                decay_fraction=protocol.decay_fraction,
            )
            for at in progress
        ],
        dtype=np.float64,
    )
