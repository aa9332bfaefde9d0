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
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from orchestrator.comparing.ped_anova import columns, divergences
from orchestrator.comparing.trials import trials
from orchestrator.randomness import WHOLE_POPULATION, generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.comparing.generations import Generation
    from orchestrator.comparing.genome_table import GenomeTable
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
    told: Sequence[Generation], *, table: GenomeTable, method: Method
) -> tuple[Importance, ...]:
    """Return the importance of the genes over a whole search and in each third of its budget."""
    before = [0.0, *(generation.share for generation in told)]
    thirds: list[list[Generation]] = [[], [], []]
    for generation, began in zip(told, before, strict=False):
        middle = (began + generation.share) / 2
        thirds[min(2, int(3 * middle))].append(generation)
    first, second, last = thirds
    explain = _Fanova(table) if method == "fanova" else _PedAnova(table)
    return (
        _importance("all", told, explain),
        _importance("first third", first, explain),
        _importance("second third", second, explain),
        _importance("last third", last, explain),
    )


class _Explain(Protocol):
    """Explains the standings of trials by the genes of their genomes."""

    searched: tuple[str, ...]

    def __call__(self, made: Sequence[Trial]) -> list[GeneImportance]: ...


def _importance(part: Part, told: Sequence[Generation], explain: _Explain) -> Importance:
    made = trials(told)
    reason = ""
    if not explain.searched:
        reason = "no gene is searched"
    elif len(made) < LEAST_TRIALS:
        reason = f"{len(made)} stretches with one genome; at least {LEAST_TRIALS} are needed"
    elif len({trial.standing for trial in made}) == 1:
        reason = "all did equally well"
    ranked = () if reason else sorted(explain(made), key=lambda g: (-g.share, g.gene))
    return Importance(part=part, trials=len(made), genes=tuple(ranked), reason=reason)


class _PedAnova:
    def __init__(self, table: GenomeTable) -> None:
        self.searched = _searched(table)
        self._table = table
        self._laid = columns(table)

    def __call__(self, made: Sequence[Trial]) -> list[GeneImportance]:
        standing = np.array([trial.standing for trial in made])
        rng = generator(0, "shuffled standings", 0, WHOLE_POPULATION)
        shuffled = [rng.permutation(standing) for _ in range(SHUFFLES)]
        found = divergences(
            self._laid,
            [self._table.row(trial.order) for trial in made],
            np.stack([standing, *shuffled]),
            quantile=max(0.1, min(0.5, GOOD_TRIALS / len(made))),
        )
        added = np.zeros((len(found), len(self.searched)))
        for at, column in enumerate(self._laid):
            added[:, self.searched.index(column.gene)] += found[:, at]
        own, *by_chance = _shares(added)
        return [
            GeneImportance(
                gene=name,
                share=float(own[at]),
                chance=float(np.mean([other[at] for other in by_chance])),
                p_value=(1 + sum(other[at] >= own[at] for other in by_chance)) / (SHUFFLES + 1),
            )
            for at, name in enumerate(self.searched)
        ]


class _Fanova:
    def __init__(self, table: GenomeTable) -> None:
        self.searched = _searched(table)
        self._genes = [gene for gene in table.genes if gene.name in self.searched]

    def __call__(self, made: Sequence[Trial]) -> list[GeneImportance]:
        from orchestrator.comparing.fanova import variances  # noqa: PLC0415 - scikit-learn: seconds

        found = variances(
            self._genes, [trial.order.genome for trial in made], [trial.standing for trial in made]
        )
        (shares,) = _shares(np.array([[found.get(name, 0.0) for name in self.searched]]))
        return [
            GeneImportance(gene=name, share=float(share), chance=None, p_value=None)
            for name, share in zip(self.searched, shares, strict=True)
        ]


def _searched(table: GenomeTable) -> tuple[str, ...]:
    return tuple(gene.name for gene in table.genes if not gene.domain.is_fixed)


def _shares(
    found: NDArray[np.float64],  # (n, n genes), at least 0
) -> NDArray[np.float64]:  # (n, n genes); rows sum to 1, or to 0 where nothing was found
    total = found.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.zeros_like(found)
    np.divide(found, total, out=shares, where=total > 0)
    return shares
