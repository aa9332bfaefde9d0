"""Optuna's importance evaluators over the genomes of trials, with any standings.

The evaluators read a study; this one is told its trials at once, since adding thousands of them to
a storage takes longer than evaluating them.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    PedAnovaImportanceEvaluator,
)
from optuna.trial import FrozenTrial, TrialState

from orchestrator.comparing.logged_space import LENGTH
from orchestrator.proposers.optuna_trials import distribution
from search_spaces.coordinates import Coordinate
from search_spaces.domains import Real, Simplex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.comparing.importance import Method
    from orchestrator.comparing.logged_space import LoggedGene
    from orchestrator.events import JSON

GOOD_TRIALS = 10
"""PED-ANOVA sets the best tenth apart, or so many, but never more than half."""


class Explainer:
    """The genomes of trials as Optuna's parameters, to be explained with any standings."""

    def __init__(
        self, genomes: Sequence[dict[str, JSON]], genes: Sequence[LoggedGene], method: Method
    ) -> None:
        searched = [gene for gene in genes if not gene.domain.is_fixed]
        layers = max((_layers(genome) for genome in genomes), default=1)
        known = _distributions(searched, layers)
        self._gene_of = {name: gene for name, (gene, _) in known.items()}
        self._genes = [gene.name for gene in searched]
        self._params: list[dict[str, JSON]] = []
        self._distributions: list[dict[str, BaseDistribution]] = []
        for genome in genomes:
            params = _params(searched, genome)
            self._params.append({name: _plain(known[name][1], v) for name, v in params.items()})
            self._distributions.append({name: known[name][1] for name in params})
        self._evaluator = _evaluator(method, len(genomes))

    def shares(self, standings: Sequence[float]) -> dict[str, float]:
        """Return the share of each searched gene; 0 for those that cannot be read."""
        with warnings.catch_warnings():
            # that a layer is rare, or that a gene sets nobody apart, is no news here
            warnings.simplefilter("ignore")
            raw = self._evaluator.evaluate(_Told(self._trials(standings)))
        added = dict.fromkeys(self._genes, 0.0)
        for name, value in raw.items():
            added[self._gene_of[name]] += float(value)
        total = sum(added.values())
        return {name: value / total for name, value in added.items()} if total > 0 else added

    def _trials(self, standings: Sequence[float]) -> list[FrozenTrial]:
        rows = zip(self._params, self._distributions, standings, strict=True)
        return [
            FrozenTrial(
                number=number,
                trial_id=number,
                state=TrialState.COMPLETE,
                value=standing,
                datetime_start=None,
                datetime_complete=None,
                params=params,
                distributions=distributions,
                user_attrs={},
                system_attrs={},
                intermediate_values={},
            )
            for number, (params, distributions, standing) in enumerate(rows)
        ]


def _evaluator(method: Method, count: int) -> BaseImportanceEvaluator:
    if method == "fanova":
        return FanovaImportanceEvaluator(seed=0)
    return PedAnovaImportanceEvaluator(
        target_quantile=max(0.1, min(0.5, GOOD_TRIALS / count)), evaluate_on_local=True
    )


class _Told(optuna.Study):
    """A study with these trials and no others."""

    def __init__(self, told: list[FrozenTrial]) -> None:
        storage = optuna.storages.InMemoryStorage()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        made = optuna.create_study(storage=storage, direction="minimize")
        super().__init__(study_name=made.study_name, storage=storage)
        self._told = told

    def get_trials(self, *_: object, **__: object) -> list[FrozenTrial]:
        """Return all of them: each is complete, and nobody here changes one."""
        return self._told


def _distributions(
    searched: Sequence[LoggedGene], layers: int
) -> dict[str, tuple[str, BaseDistribution]]:
    """Return (gene, distribution) by the names of `_params`."""
    known: dict[str, tuple[str, BaseDistribution]] = {}
    for gene in searched:
        match gene.domain:
            case Simplex(size=size):
                share = distribution(Coordinate("", gene.name, 0, Real(0.0, 1.0)))
                known |= {f"{gene.name}.{at}": (gene.name, share) for at in range(size)}
            case domain:
                made = distribution(Coordinate(gene.name, gene.name, None, domain))
                names = (
                    [f"{gene.name}.{at}" for at in range(layers)]
                    if gene.is_per_layer
                    else [gene.name]
                )
                known |= dict.fromkeys(names, (gene.name, made))
    return known


def _params(searched: Sequence[LoggedGene], genome: dict[str, JSON]) -> dict[str, JSON]:
    """Return what of a genome counts, one scalar each: layers and shares apart."""
    params: dict[str, JSON] = {}
    for gene in searched:
        value = gene.value(genome)
        if value is None:
            continue
        if gene.is_per_layer or isinstance(gene.domain, Simplex):
            params |= {f"{gene.name}.{at}": each for at, each in enumerate(value)}
        else:
            params[gene.name] = value
    return params


def _plain(distribution: BaseDistribution, value: JSON) -> JSON:
    """Return a value as its distribution has it (see `optuna_trials`)."""
    if isinstance(value, list):
        return json.dumps(value)
    return float(value) if isinstance(distribution, FloatDistribution) else value


def _layers(genome: dict[str, JSON]) -> int:
    return max((half.get(LENGTH, 1) for half in genome.values()), default=1)
