"""Genomes to Optuna's parameters and back: distributions, params of a trial, frozen trials.

Each coordinate of `search_spaces.coordinates` is one parameter. Integers on a logarithmic
scale with a step are floats to Optuna (its log integers have no step) and are rounded to the grid
on the way back. Tuples of a choice are written as JSON, since a categorical value must be a scalar.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, Trial, create_trial

from search_spaces.coordinates import Coordinate, coordinates, from_coordinates, to_coordinates
from search_spaces.domains import Choice, Integer, PerLayer, Real

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.genome import Genome
    from search_spaces.space import Space

Params = dict[str, Any]
"""Values of a trial by parameter, as Optuna gives and takes them."""


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the distribution of every parameter that a genome of the space can have."""
    return {c.name: distribution(c) for c in coordinates(space)}


def distribution(coordinate: Coordinate) -> BaseDistribution:
    """Return the distribution of one coordinate."""
    match coordinate.domain:
        case Real(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
        case Integer(step=1, low=low, high=high, log=True):
            return IntDistribution(low, high, log=True)
        case Integer(low=low, log=True) as integer:
            return FloatDistribution(float(low), float(integer.top), log=True)
        case Integer(low=low, step=step) as integer:
            return IntDistribution(low, integer.top, step=step)
        case Choice(values=values):
            return CategoricalDistribution([_to_optuna(coordinate, value) for value in values])


def genome_to_params(space: Space, genome: Genome) -> Params:
    """Return the parameters of a feasible genome: its own layers and active genes only."""
    by_name = {c.name: c for c in coordinates(space)}
    return {
        name: _to_optuna(by_name[name], value)
        for name, value in to_coordinates(space, genome).items()
    }


def params_to_values(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the coordinates' values of a trial's parameters; unknown names are refused.

    Raises:
        ValueError: A parameter is not one of the space.
    """
    by_name = {c.name: c for c in coordinates(space)}
    if unknown := sorted(params.keys() - by_name.keys()):
        raise ValueError(
            f"A trial of space {space.name!r} has its parameters only, but got {unknown}. "
            f"Use a study that was made for this space."
        )
    return {name: _from_optuna(by_name[name], value) for name, value in params.items()}


def params_to_genome(space: Space, params: Mapping[str, Any], *, like: Genome) -> Genome:
    """Return the repaired genome of a trial's parameters; undoes `genome_to_params`.

    Args:
        space: The space of the genome.
        params: Parameters, also of a trial that other code has made.
        like: Gives what parameters do not decide: fixed genes and missing values.

    Raises:
        InfeasibleGenome: The parameters cannot be repaired.
        ValueError: A parameter is not one of the space.
    """
    values = params_to_values(space, params)
    return space.repair(from_coordinates(space, values, base=like)).genome


def genome_to_trial(space: Space, genome: Genome, *, value: float) -> FrozenTrial:
    """Return a completed trial of a genome, for `study.add_trial`."""
    params = genome_to_params(space, genome)
    known = distributions(space)
    return create_trial(
        params=params, distributions={name: known[name] for name in params}, value=value
    )


def trial_to_genome(space: Space, trial: FrozenTrial, *, like: Genome) -> Genome:
    """Return the repaired genome of a trial; undoes `genome_to_trial`."""
    return params_to_genome(space, trial.params, like=like)


def suggest(space: Space, trial: Trial) -> dict[str, Any]:
    """Let a trial draw every coordinate that counts beside what it has drawn before.

    Returns:
        Values by coordinate, in the space's own types.
    """
    values: dict[str, Any] = {}
    # What decides lengths and conditions comes first.
    for coordinate in sorted(coordinates(space), key=lambda c: _rank(space, c)):
        if not _counts(space, coordinate, values):
            continue
        match distribution(coordinate):
            case FloatDistribution(low=low, high=high, log=log):
                drawn: Any = trial.suggest_float(coordinate.name, low, high, log=log)
            case IntDistribution(low=low, high=high, step=step, log=log):
                drawn = trial.suggest_int(coordinate.name, low, high, step=step, log=log)
            case CategoricalDistribution(choices=choices):
                drawn = trial.suggest_categorical(coordinate.name, choices)
            case other:
                raise AssertionError(f"`distribution` makes no {other}")
        values[coordinate.name] = _from_optuna(coordinate, drawn)
    return values


def _rank(space: Space, coordinate: Coordinate) -> tuple[bool, bool]:
    gene = space.gene(coordinate.gene)
    return isinstance(gene.domain, PerLayer), gene.condition is not None


def _counts(space: Space, coordinate: Coordinate, values: Mapping[str, Any]) -> bool:
    gene = space.gene(coordinate.gene)

    def value_of(name: str) -> Any:
        return values.get(name, space.canonical[name])

    if gene.condition is not None and value_of(gene.condition.gene) not in gene.condition.values:
        return False
    if isinstance(gene.domain, PerLayer) and coordinate.index is not None:
        return bool(coordinate.index < value_of(gene.domain.length))
    return True


def _to_optuna(coordinate: Coordinate, value: Any) -> Any:
    if isinstance(value, tuple):
        return json.dumps(value)
    if (
        isinstance(coordinate.domain, Integer)
        and coordinate.domain.log
        and coordinate.domain.step > 1
    ):
        return float(value)
    return value


def _from_optuna(coordinate: Coordinate, value: Any) -> Any:
    match coordinate.domain:
        case Choice(values=values):
            return next(option for option in values if _to_optuna(coordinate, option) == value)
        case Integer() as integer:
            return integer.clip(value)
        case _:
            return float(value)
