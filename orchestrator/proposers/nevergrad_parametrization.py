"""Genomes to Nevergrad's parametrizations and back.

Each coordinate of `search_spaces.coordinates` is one parameter of a `ng.p.Dict`: reals and integers
are bounded scalars (on the domain's own scale, integers rounded on the way back), choices are
`ng.p.Choice` of their positions. A parametrization has no conditions, so that layers and genes that
a genome does not have are filled, and ignored on the way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nevergrad as ng

from search_spaces.coordinates import Coordinate, coordinates, from_coordinates, to_coordinates
from search_spaces.domains import Choice, Real

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.domains import ScalarDomain
    from search_spaces.genome import Genome
    from search_spaces.space import Space

Values = dict[str, Any]
"""Value of a `ng.p.Dict`: position in the unit interval of the domain, or index of a choice."""


def parametrization(space: Space, *, centre: Genome | None = None) -> Any:
    """Return the `ng.p.Dict` of a space, centred on a genome (default: the space's own)."""
    start = genome_to_values(space, space.default() if centre is None else centre)
    return ng.p.Dict(**{c.name: _parameter(c, start[c.name]) for c in coordinates(space)})


def genome_to_values(space: Space, genome: Genome) -> Values:
    """Return a genome's value for every parameter; missing layers repeat the last one."""
    active = to_coordinates(space, genome)
    canonical = to_coordinates(space, space.default())
    values: Values = {}
    last: dict[str, Any] = {}
    for coordinate in coordinates(space):
        if coordinate.name in active:
            value = active[coordinate.name]
        else:
            value = last.get(
                coordinate.gene,
                canonical.get(coordinate.name, coordinate.domain.from_unit(0.5)),
            )
        last[coordinate.gene] = value
        values[coordinate.name] = _to_nevergrad(coordinate.domain, value)
    return values


def values_to_coordinates(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return coordinates in the space's own types.

    Raises:
        ValueError: The values are not those of this space's parametrization.
    """
    by_name = {c.name: c for c in coordinates(space)}
    if strange := sorted(values.keys() ^ by_name.keys()):
        raise ValueError(
            f"A parametrization of space {space.name!r} has one value for each coordinate, but "
            f"{strange} are missing or unknown. Use a parametrization made for this space."
        )
    return {name: _from_nevergrad(by_name[name], value) for name, value in values.items()}


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


def _parameter(coordinate: Coordinate, start: Any) -> Any:
    match coordinate.domain:
        case Choice(values=values):
            choice = ng.p.Choice(len(values))
            choice.value = start
            return choice
        case _:
            return ng.p.Scalar(init=start, lower=0.0, upper=1.0)


def _to_nevergrad(domain: ScalarDomain, value: Any) -> Any:
    match domain:
        case Choice(values=values):
            return next(
                i
                for i, option in enumerate(values)
                if option == value and type(option) is type(value)
            )
        case _:
            return domain.to_unit(value)


def _from_nevergrad(coordinate: Coordinate, value: Any) -> Any:
    match coordinate.domain:
        case Choice(values=values):
            return values[int(value)]
        case Real(low=low, high=high, log=False):
            # Not rounded here: a simplex needs every digit, and repair rounds the other genes.
            return low + min(max(float(value), 0.0), 1.0) * (high - low)
        case domain:
            return domain.from_unit(min(max(float(value), 0.0), 1.0))
