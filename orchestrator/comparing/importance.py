"""Which genes decided who did well: Optuna's PED-ANOVA or fANOVA over the intervals of a search.

What is explained is the standing of genomes among their peers (`trials`). Genes ride on inherited
weights: importance says what went together with success in this search, not what causes it.

PED-ANOVA (Watanabe et al. 2023, arXiv:2304.10255; conditional genes: arXiv:2601.20800) asks how
far the genes of the best trials differ from those of all. fANOVA (Hutter et al. 2014) splits the
variance of a random forest; it reads only genes and layers that every genome has. With few trials
both see patterns in noise: the same is done with shuffled standings, and a gene is marked where it
is more important than in all shuffles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from orchestrator.comparing.trials import trials
from orchestrator.randomness import WHOLE_POPULATION, generator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.comparing.generations import Generation
    from orchestrator.comparing.logged_space import LoggedGene

Method = Literal["ped-anova", "fanova"]
METHODS: tuple[Method, ...] = "ped-anova", "fanova"
Part = Literal["all", "first third", "second third", "last third"]
"""Of the budget."""

LEAST_TRIALS = 10
SHUFFLES = 19
"""More important than in all of them: with a probability of 1 in 20 by chance, for each gene."""
MOST_TRIALS_SHUFFLED = 600
"""Above, chance is not measured: it would take minutes, and there is little of it (of 50 genes, one
of which counts, the others have less than 1 % each of PED-ANOVA's importance with 1,000 trials)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneImportance:
    """The importance of one gene, the layers of a per-layer gene added up."""

    gene: str
    share: float
    """Of the importance of all genes: they sum to 1."""
    chance: float | None
    """Mean share with shuffled standings; None: not measured."""
    is_above_chance: bool | None
    """Whether it exceeds its share in every shuffle; None: not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """What mattered in one part of one search."""

    part: Part
    trials: int
    genes: tuple[GeneImportance, ...]
    """The most important first; empty where there is too little to say."""
    reason: str
    """Why there are none; empty if there are."""


def importances(
    told: Sequence[Generation], *, genes: Sequence[LoggedGene], method: Method
) -> tuple[Importance, ...]:
    """Return the importance of the genes over a whole search and in each third of its budget."""
    before = [0.0, *(generation.share for generation in told)]
    thirds: list[list[Generation]] = [[], [], []]
    for generation, began in zip(told, before, strict=False):
        middle = (began + generation.share) / 2
        thirds[min(2, int(3 * middle))].append(generation)
    first, second, last = thirds
    return (
        _importance("all", told, genes, method, shuffles=SHUFFLES),
        _importance("first third", first, genes, method, shuffles=0),
        _importance("second third", second, genes, method, shuffles=0),
        _importance("last third", last, genes, method, shuffles=0),
    )


def _importance(
    part: Part,
    told: Sequence[Generation],
    genes: Sequence[LoggedGene],
    method: Method,
    *,
    shuffles: int,
) -> Importance:
    made = trials(told)
    reason = ""
    if len(made) < LEAST_TRIALS:
        reason = f"{len(made)} stretches with one genome; at least {LEAST_TRIALS} are needed"
    elif len({trial.standing for trial in made}) == 1:
        reason = "all did equally well"
    elif all(gene.domain.is_fixed for gene in genes):
        reason = "no gene is searched"
    if reason:
        return Importance(part=part, trials=len(made), genes=(), reason=reason)
    from orchestrator.comparing.explainer import Explainer  # noqa: PLC0415 - optuna: a second

    table = Explainer([trial.genome for trial in made], genes, method)
    shares = table.shares([trial.standing for trial in made])
    by_chance: list[Mapping[str, float]] = []
    if len(made) <= MOST_TRIALS_SHUFFLED:
        rng = generator(0, "shuffled standings", 0, WHOLE_POPULATION)
        standings = np.array([trial.standing for trial in made])
        by_chance = [table.shares(rng.permutation(standings).tolist()) for _ in range(shuffles)]
    ranked = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    return Importance(
        part=part,
        trials=len(made),
        genes=tuple(_against_chance(name, share, by_chance) for name, share in ranked),
        reason="",
    )


def _against_chance(
    name: str, share: float, by_chance: Sequence[Mapping[str, float]]
) -> GeneImportance:
    if not by_chance:
        return GeneImportance(gene=name, share=share, chance=None, is_above_chance=None)
    others = [shuffled[name] for shuffled in by_chance]
    return GeneImportance(
        gene=name,
        share=share,
        chance=float(np.mean(others)),
        is_above_chance=share > max(others),
    )
