"""Genomes to Nevergrad's parametrizations and back.

All coordinates of `search_spaces.coordinates` that are numbers are one bounded `ng.p.Array` of
positions in the unit intervals of their domains (one array, because a parameter object for each
makes an ask several times slower); each choice is a `ng.p.Choice` of the options' indices. A
parametrization has no conditions: layers and genes that a genome does not have are filled, and
ignored on the way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nevergrad as ng
import numpy as np

from search_spaces.coordinates import Coordinate, coordinates, from_coordinates, to_coordinates
from search_spaces.domains import Choice, Real

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.domains import ScalarDomain
    from search_spaces.genome import Genome
    from search_spaces.space import Space

NUMBERS = "numbers"
"""Key of the array; every other key is the name of a choice's coordinate."""

Values = dict[str, Any]
"""Value of the `ng.p.Dict`: positions in [0, 1] under `NUMBERS`, the index of each choice."""


def parametrization(space: Space, *, centre: Genome | None = None) -> Any:
    """Return the `ng.p.Dict` of a space, centred on a genome (default: the space's own)."""
    start = genome_to_values(space, space.default() if centre is None else centre)
    parameters: dict[str, Any] = {}
    for coordinate in coordinates(space):
        if isinstance(coordinate.domain, Choice):
            choice = ng.p.Choice(len(coordinate.domain.values))
            choice.value = start[coordinate.name]
            parameters[coordinate.name] = choice
    if NUMBERS in start:
        parameters[NUMBERS] = ng.p.Array(init=start[NUMBERS], lower=0.0, upper=1.0)
    return ng.p.Dict(**parameters)


def genome_to_values(space: Space, genome: Genome) -> Values:
    """Return a genome's value for every parameter; missing layers repeat the last one."""
    active = to_coordinates(space, genome)
    values: Values = {}
    numbers: list[float] = []
    last: dict[str, Any] = {}
    for coordinate in coordinates(space):
        value = active.get(coordinate.name, last.get(coordinate.gene))
        if value is None:
            value = coordinate.domain.clip(_idle(space, coordinate))
        last[coordinate.gene] = value
        if isinstance(coordinate.domain, Choice):
            values[coordinate.name] = _index(coordinate.domain, value)
        else:
            numbers.append(_position(coordinate.domain, value))
    if numbers:
        values[NUMBERS] = np.array(numbers)
    return values


def values_to_coordinates(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return coordinates in the space's own types.

    Raises:
        ValueError: The values are not those of this space's parametrization.
    """
    all_coordinates = coordinates(space)
    numeric = [c for c in all_coordinates if not isinstance(c.domain, Choice)]
    choices = {c.name: c.domain for c in all_coordinates if isinstance(c.domain, Choice)}
    wanted = {*choices, NUMBERS} if numeric else {*choices}
    positions = np.asarray(values.get(NUMBERS, ()), dtype=np.float64)
    if values.keys() != wanted or positions.shape != (len(numeric),):
        raise ValueError(
            f"A parametrization of space {space.name!r} has {len(numeric)} numbers and the choices "
            f"{sorted(choices)}, but got {len(positions)} numbers and the keys {sorted(values)}. "
            f"Use a parametrization made for this space."
        )
    if not np.isfinite(positions).all():
        raise ValueError(
            f"The numbers of a parametrization must be finite, but got {positions.tolist()}. "
            f"Choose an optimizer that stays finite on a bounded space."
        )
    return {
        **{name: domain.values[int(values[name])] for name, domain in choices.items()},
        **{
            c.name: _number(c.domain, float(position))
            for c, position in zip(numeric, np.clip(positions, 0.0, 1.0), strict=True)
        },
    }


def values_to_genome(space: Space, values: Mapping[str, Any], *, like: Genome) -> Genome:
    """Return the repaired genome of a parametrization's value; undoes `genome_to_values`.

    Args:
        space: The space of the genome.
        values: `candidate.value`.
        like: Gives the fixed genes.

    Raises:
        InfeasibleGenome: The values cannot be repaired.
        ValueError: The values are not those of this space's parametrization.
    """
    known = values_to_coordinates(space, values)
    return space.repair(from_coordinates(space, known, base=like)).genome


def _idle(space: Space, coordinate: Coordinate) -> Any:
    """Return the value that stands for a gene that is not active: its canonical one."""
    value = space.canonical[coordinate.gene]
    return value if coordinate.index is None else value[min(coordinate.index, len(value) - 1)]


def _index(domain: Choice, value: Any) -> int:
    return next(
        index
        for index, option in enumerate(domain.values)
        if option == value and type(option) is type(value)
    )


def _position(domain: ScalarDomain, value: Any) -> float:
    return float(domain.to_unit(value))


def _number(domain: ScalarDomain, position: float) -> Any:
    match domain:
        case Real(low=low, high=high, log=False):
            # Not rounded here: a simplex needs every digit, and repair rounds the other genes.
            return low + position * (high - low)
        case _:
            return domain.from_unit(position)
