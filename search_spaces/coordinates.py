"""Coordinates: a genome as named scalars, for optimizers that know reals, integers and choices.

A per-layer gene becomes one coordinate a layer, `d_ff.0`, `d_ff.1`, ...; a simplex becomes the
sticks of its stick breaking, `data_mix.0`, ... in [0, 1] (see `Simplex.to_unit`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search_spaces.domains import PerLayer, Real, Simplex
from search_spaces.repairing import fit_length, replaced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.domains import ScalarDomain
    from search_spaces.genome import Genome
    from search_spaces.space import Space


@dataclass(frozen=True, slots=True)
class Coordinate:
    """One scalar of a genome."""

    name: str
    gene: str
    index: int | None
    """The layer or stick; None for genes that are scalars themselves."""
    domain: ScalarDomain


def coordinates(space: Space) -> tuple[Coordinate, ...]:
    """List all coordinates of a space that are not fixed, absent layers included."""
    found: list[Coordinate] = []
    for gene in space.genes:
        if gene.is_fixed:
            continue
        match gene.domain:
            case PerLayer(item=item, length=length):
                found += [
                    Coordinate(f"{gene.name}.{i}", gene.name, i, item)
                    for i in range(space.max_layers[length])
                ]
            case Simplex(size=size):
                found += [
                    Coordinate(f"{gene.name}.{i}", gene.name, i, Real(0.0, 1.0))
                    for i in range(size - 1)
                ]
            case domain:
                found.append(Coordinate(gene.name, gene.name, None, domain))
    return tuple(found)


def to_coordinates(space: Space, genome: Genome) -> dict[str, bool | int | float | str]:
    """Return the coordinates that count in this genome: active genes and present layers only."""
    values: dict[str, Any] = {}
    for gene in space.genes:
        if gene.is_fixed or not space.is_active(genome, gene.name):
            continue
        value = space.gene_value(genome, gene.name)
        match gene.domain:
            case PerLayer():
                values |= {f"{gene.name}.{i}": v for i, v in enumerate(value)}
            case Simplex() as simplex:
                values |= {f"{gene.name}.{i}": u for i, u in enumerate(simplex.to_unit(value))}
            case _:
                values[gene.name] = value
    return values


def from_coordinates(
    space: Space, values: Mapping[str, Any], *, base: Genome | None = None
) -> Genome:
    """Read genes off coordinates, unrepaired; undoes `to_coordinates`.

    Args:
        space: Gives the domains.
        values: Coordinates by name; others than the space's are ignored.
        base: Gives the genes and layers that `values` lacks; the space's centre if None. Layers
            that it lacks too repeat the last one.
    """
    base = space.centre if base is None else base
    genes: dict[str, Any] = {}
    for gene in space.genes:
        old = space.gene_value(base, gene.name)
        if gene.is_fixed:
            genes[gene.name] = space.canonical[gene.name]
        elif isinstance(gene.domain, PerLayer):
            length = values.get(gene.domain.length, space.gene_value(base, gene.domain.length))
            known = fit_length(old, length, space.canonical[gene.name])
            genes[gene.name] = tuple(values.get(f"{gene.name}.{i}", v) for i, v in enumerate(known))
        elif isinstance(gene.domain, Simplex):
            known = gene.domain.to_unit(gene.domain.clip(old))
            genes[gene.name] = gene.domain.from_unit(
                [values.get(f"{gene.name}.{i}", u) for i, u in enumerate(known)]
            )
        else:
            genes[gene.name] = values.get(gene.name, old)
    return replaced(base, genes)
