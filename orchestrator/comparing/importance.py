"""Which genes decided who did well: PED-ANOVA or fANOVA over the trials of a search.

What is explained is the standing of genomes among their peers (`trials`). Genes ride on inherited
weights: importance says what went together with success in this search, not what causes it.

PED-ANOVA asks how far the genes of the best trials differ from those of all; with few trials it
sees patterns in noise, so it is asked again with shuffled standings. fANOVA (Hutter et al. 2014)
splits the variance of a random forest; it reads only genes and layers that every genome has, and
takes too long to be shuffled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from orchestrator.comparing.ped_anova import columns, divergences
from orchestrator.comparing.trials import trials
from orchestrator.randomness import WHOLE_POPULATION, generator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from orchestrator.comparing.generations import Generation
    from orchestrator.comparing.logged_space import LoggedGene
    from orchestrator.comparing.trials import Trial

Method = Literal["ped-anova", "fanova"]
Part = Literal["all", "first third", "second third", "last third"]
"""Of the budget."""

LEAST_TRIALS = 10
SHUFFLES = 39
LEVEL = 0.05
"""A gene stands out where at most one shuffle in twenty makes it as important."""
GOOD_TRIALS = 10
"""PED-ANOVA sets the best tenth apart, or so many, but never more than half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneImportance:
    """The importance of one gene, the layers of a per-layer gene added up."""

    gene: str
    share: float
    """Of the importance of all genes: they sum to 1."""
    chance: float | None
    """Mean share with shuffled standings; None: not measured."""
    p_value: float | None
    """Probability of such a share with shuffled standings, for this gene alone; None: likewise."""

    @property
    def stands_out(self) -> bool:
        """Whether it is more than chance makes it, at 5 % for each gene."""
        return self.p_value is not None and self.p_value <= LEVEL


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
        _importance("all", told, genes, method),
        _importance("first third", first, genes, method),
        _importance("second third", second, genes, method),
        _importance("last third", last, genes, method),
    )


def _importance(
    part: Part, told: Sequence[Generation], genes: Sequence[LoggedGene], method: Method
) -> Importance:
    made = trials(told)
    searched = [gene for gene in genes if not gene.domain.is_fixed]
    reason = ""
    if not searched:
        reason = "no gene is searched"
    elif len(made) < LEAST_TRIALS:
        reason = f"{len(made)} stretches with one genome; at least {LEAST_TRIALS} are needed"
    elif len({trial.standing for trial in made}) == 1:
        reason = "all did equally well"
    ranked: tuple[GeneImportance, ...] = ()
    if not reason:
        explain = _by_fanova if method == "fanova" else _by_ped_anova
        ranked = tuple(sorted(explain(made, searched), key=lambda g: (-g.share, g.gene)))
    return Importance(part=part, trials=len(made), genes=ranked, reason=reason)


def _by_ped_anova(made: Sequence[Trial], searched: Sequence[LoggedGene]) -> list[GeneImportance]:
    standing = np.array([trial.standing for trial in made])
    rng = generator(0, "shuffled standings", 0, WHOLE_POPULATION)
    shuffled = [rng.permutation(standing) for _ in range(SHUFFLES)]
    laid = columns(searched, [trial.genome for trial in made])
    found = divergences(
        laid,
        np.stack([standing, *shuffled]),
        quantile=max(0.1, min(0.5, GOOD_TRIALS / len(made))),
    )
    names = [gene.name for gene in searched]
    added = np.zeros((len(found), len(names)))
    for at, column in enumerate(laid):
        added[:, names.index(column.gene)] += found[:, at]
    own, *by_chance = _shares(added)
    return [
        GeneImportance(
            gene=name,
            share=float(own[at]),
            chance=float(np.mean([other[at] for other in by_chance])),
            p_value=(1 + sum(other[at] >= own[at] for other in by_chance)) / (SHUFFLES + 1),
        )
        for at, name in enumerate(names)
    ]


def _by_fanova(made: Sequence[Trial], searched: Sequence[LoggedGene]) -> list[GeneImportance]:
    from orchestrator.comparing.fanova import variances  # noqa: PLC0415 - scikit-learn: seconds

    found: Mapping[str, float] = variances(
        searched, [trial.genome for trial in made], [trial.standing for trial in made]
    )
    (shares,) = _shares(np.array([[found.get(gene.name, 0.0) for gene in searched]]))
    return [
        GeneImportance(gene=gene.name, share=float(share), chance=None, p_value=None)
        for gene, share in zip(searched, shares, strict=True)
    ]


def _shares(
    found: NDArray[np.float64],  # (n, n genes), at least 0
) -> NDArray[np.float64]:  # (n, n genes); rows sum to 1, or to 0 where nothing was found
    total = found.sum(axis=1, keepdims=True)
    return np.divide(found, total, out=np.zeros_like(found), where=total > 0)
