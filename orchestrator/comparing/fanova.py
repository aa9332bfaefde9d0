"""fANOVA (Hutter, Hoos and Leyton-Brown 2014) by Optuna: variance that single genes explain.

The evaluator reads a study; this one is told its trials at once, since adding thousands of them to
a storage takes longer than evaluating them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.importance import BaseImportanceEvaluator, FanovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState

from orchestrator.comparing.logged_space import LENGTH
from orchestrator.proposers.optuna_trials import distribution
from search_spaces.coordinates import Coordinate
from search_spaces.domains import Real, Simplex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.comparing.logged_space import LoggedGene
    from orchestrator.events import JSON


def variances(
    searched: Sequence[LoggedGene],
    genomes: Sequence[dict[str, JSON]],
    values: Sequence[float],
    *,
    evaluator: BaseImportanceEvaluator | None = None,
) -> dict[str, float]:
    """Return what each gene explains, its layers and shares added up; unread genes are left out.

    Args:
        searched: Genes that are not fixed.
        genomes: One a trial.
        values: One a trial; what is explained.
        evaluator: Optuna's; fANOVA with a seed of its own by default.
    """
    layers = max((_layers(genome) for genome in genomes), default=1)
    known = _distributions(searched, layers)
    trials = [
        _trial(known, _params(searched, genome), value=value, number=number)
        for number, (genome, value) in enumerate(zip(genomes, values, strict=True))
    ]
    raw = (evaluator or FanovaImportanceEvaluator(seed=0)).evaluate(_Told(trials))
    added: dict[str, float] = {}
    for name, found in raw.items():
        gene = known[name][0]
        added[gene] = added.get(gene, 0.0) + float(found)
    return added


def _trial(
    known: dict[str, tuple[str, BaseDistribution]],
    params: dict[str, JSON],
    *,
    value: float,
    number: int,
) -> FrozenTrial:
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=TrialState.COMPLETE,
        value=value,
        datetime_start=None,
        datetime_complete=None,
        params={name: _plain(known[name][1], v) for name, v in params.items()},
        distributions={name: known[name][1] for name in params},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
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
        (value,) = gene.values([genome])
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
