"""How shares, utilities and equilibria went over the generations of a search, from its log alone.

The equilibrium after a generation is that of payoffs fitted to all intervals so far: the shares of
the roles against how much better than its generation's mean a member did (so that training longer
is no merit). How far to believe it is told by the share of the variance that it explains on
lineages left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.roles import ROLES, flops_shares
from orchestrator.game.empirical import payoff_from_history, uncertain_equilibrium
from orchestrator.story.telling import is_baseline
from search_spaces.genome import genome_from_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.events import Reported
    from orchestrator.game.empirical import UncertainEquilibrium
    from orchestrator.story.telling import Point, Story

_LEAST_LINEAGES = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GenerationShares:
    """One generation of the population."""

    generation: int
    members: int
    shares: NDArray[np.float64]  # (3,)
    """Of the FLOPs, mean over members."""
    spread: NDArray[np.float64]  # (3,)
    """Standard deviation over members."""
    utilities: NDArray[np.float64] | None  # (3,)
    """Mean everyday utility of one component of each role, nats per token; None: not measured."""
    equilibrium: UncertainEquilibrium | None
    """Of payoffs fitted to all intervals so far; None: fewer than 3 lineages."""
    cross_validated_r2: float | None
    """Share of the variance that the shares explain on lineages left out; 0 or less: none."""


@dataclass(frozen=True, slots=True)
class _Trial:
    generation: int
    shares: NDArray[np.float64]
    utilities: NDArray[np.float64] | None
    loss: float
    lineage: Point


def shares_by_generation(story: Story, *, rng: np.random.Generator) -> tuple[GenerationShares, ...]:
    """Return the generations of a search that have a member with a loss."""
    trials = [
        _trial(story, point, report, report.nats_per_token)
        for point, report in sorted(story.reports.items(), key=lambda item: item[0][::-1])
        if report.nats_per_token is not None and not is_baseline(story, point)
    ]
    generations = sorted({trial.generation for trial in trials})
    means = {g: float(np.mean([t.loss for t in trials if t.generation == g])) for g in generations}
    result = []
    for generation in generations:
        now = [t for t in trials if t.generation == generation]
        so_far = [t for t in trials if t.generation <= generation]
        shares = np.stack([t.shares for t in now])
        measured = [t.utilities for t in now if t.utilities is not None]
        equilibrium, explained = _fitted(so_far, means, shares.mean(axis=0), rng)
        result.append(
            GenerationShares(
                generation=generation,
                members=len(now),
                shares=shares.mean(axis=0),
                spread=shares.std(axis=0),
                utilities=np.mean(measured, axis=0) if measured else None,
                equilibrium=equilibrium,
                cross_validated_r2=explained,
            )
        )
    return tuple(result)


def _fitted(
    trials: list[_Trial],
    means: dict[int, float],
    start: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[UncertainEquilibrium | None, float | None]:
    names = sorted({t.lineage for t in trials})
    if len(names) < _LEAST_LINEAGES:
        return None, None
    fit = payoff_from_history(
        np.stack([t.shares for t in trials]),
        np.array([means[t.generation] - t.loss for t in trials]),
        lineages=np.array([names.index(t.lineage) for t in trials]),
    )
    return uncertain_equilibrium(fit.estimate, start, rng=rng), fit.cross_validated_r2


def _trial(story: Story, point: Point, report: Reported, loss: float) -> _Trial:
    genome = genome_from_json(story.orders[point].genome)
    return _Trial(
        generation=point[1],
        shares=flops_shares(genome.architecture),
        utilities=_mean_utilities(report),
        loss=loss,
        lineage=founder(story, point),
    )


def founder(story: Story, point: Point) -> Point:
    """Return the interval of fresh weights that a state descends from."""
    while (source := story.orders[point].source) is not None:
        point = source
    return point


def _mean_utilities(report: Reported) -> NDArray[np.float64] | None:
    if report.utilities is None:
        return None
    told = report.utilities
    heads = [value for layer in told["heads"] for value in layer]
    by_role = dict(zip(ROLES, (heads, told["ffn"], [told["embedding"]]), strict=True))
    return np.array([float(np.mean(values)) for values in by_role.values()])
