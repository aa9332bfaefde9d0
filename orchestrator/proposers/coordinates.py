"""Genomes as flat tables of scalar coordinates, the common ground of Optuna and Nevergrad.

A scalar gene is one coordinate under its own name. A per-layer gene has one for each layer, `d_ff[0]`,
`d_ff[1]`, ..., up to the deepest model of the space; a genome has values for its own layers only. A
simplex gene of k shares has k - 1 coordinates in [0, 1] (stick breaking). Fixed genes have none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search_spaces.domains import PerLayer, Real, Simplex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.domains import ScalarDomain
    from search_spaces.genes import Gene
    from search_spaces.genome import Genome
    from search_spaces.space import Space

Scalar = bool | int | float | str | tuple[float, ...]
SHARE = Real(0.0, 1.0)
"""Domain of a simplex's coordinates."""


@dataclass(frozen=True, slots=True)
class Coordinate:
    """One scalar of the table."""

    name: str
    gene: Gene
    index: int
    """Layer of a per-layer gene, coordinate of a simplex, else 0."""
    domain: ScalarDomain


def coordinates(space: Space) -> tuple[Coordinate, ...]:
    """Return the coordinates of a space, scalar genes first so that lengths and conditions are
    known before what depends on them.
    """
    scalars, vectors = [], []
    for gene in space.genes:
        if gene.is_fixed:
            continue
        match gene.domain:
            case PerLayer(item=item, length=length):
                vectors += [
                    Coordinate(f"{gene.name}[{i}]", gene, i, item)
                    for i in range(space.max_layers[length])
                ]
            case Simplex(size=size):
                vectors += [Coordinate(f"{gene.name}[{i}]", gene, i, SHARE) for i in range(size - 1)]
            case domain:
                scalars.append(Coordinate(gene.name, gene, 0, domain))
    # A gene with a condition comes after the gene that decides it.
    scalars.sort(key=lambda coordinate: coordinate.gene.condition is not None)
    return (*scalars, *vectors)


def is_active(space: Space, coordinate: Coordinate, values: Mapping[str, Scalar]) -> bool:
    """Say whether a coordinate counts beside the values of those before it."""
    gene = coordinate.gene
    if gene.condition is not None:
        decider = gene.condition.gene
        value = values[decider] if decider in values else space.canonical[decider]
        if value not in gene.condition.values:
            return False
    if isinstance(gene.domain, PerLayer):
        return coordinate.index < num_layers(space, gene.domain.length, values)
    return True


def num_layers(space: Space, length: str, values: Mapping[str, Scalar]) -> int:
    """Return the length of per-layer vectors that a table asks for."""
    return int(values.get(length, space.canonical[length]))  # type: ignore[arg-type]


def flatten(space: Space, genome: Genome) -> dict[str, Scalar]:
    """Return the values of all active coordinates of a genome."""
    values: dict[str, Scalar] = {}
    for coordinate in coordinates(space):
        gene = coordinate.gene
        if not space.is_active(genome, gene.name):
            continue
        value = space.gene_value(genome, gene.name)
        match gene.domain:
            case PerLayer():
                if coordinate.index < len(value):
                    values[coordinate.name] = value[coordinate.index]
            case Simplex():
                values[coordinate.name] = gene.domain.to_unit(value)[coordinate.index]
            case _:
                values[coordinate.name] = value
    return values


def unflatten(space: Space, values: Mapping[str, Scalar], *, like: Genome) -> Genome:
    """Return the genome of a table, not yet repaired; undoes `flatten` on feasible genomes.

    Args:
        space: The space of the genome.
        values: Values by coordinate; they are clipped to their domains. Coordinates of layers that
            the genome does not have are ignored.
        like: Gives the fixed genes and those without a value; a layer without a value repeats the
            one below it.
    """
    genes: dict[str, Any] = {}
    table: dict[str, list[Coordinate]] = {}
    for coordinate in coordinates(space):
        table.setdefault(coordinate.gene.name, []).append(coordinate)
    for gene in space.genes:
        own = table.get(gene.name, [])
        old = space.gene_value(like, gene.name)
        match gene.domain:
            case PerLayer(item=item, length=length):
                layers: list[Any] = []
                wanted = num_layers(space, length, values) if length in values else None
                for i in range(len(old) if wanted is None else wanted):
                    given = values.get(f"{gene.name}[{i}]")
                    kept = old[i] if i < len(old) else layers[-1]
                    layers.append(kept if given is None else item.clip(given))  # type: ignore[arg-type]
                genes[gene.name] = tuple(layers)
            case Simplex() as simplex if own and own[0].name in values:
                genes[gene.name] = simplex.from_unit([values[c.name] for c in own])  # type: ignore[misc]
            case Simplex():
                genes[gene.name] = old
            case domain:
                given = values.get(gene.name)
                genes[gene.name] = old if given is None else domain.clip(given)  # type: ignore[arg-type]
    return space.with_genes(like, genes)


def child(
    space: Space, proposed: Mapping[str, Scalar], *, donor: Genome, free: frozenset[str]
) -> Genome:
    """Return the donor with the proposed values of its free genes, repaired.

    Raises:
        InfeasibleGenome: Changes of free genes alone cannot make it feasible.
    """
    fixed = {
        coordinate.name for coordinate in coordinates(space) if coordinate.gene.name not in free
    }
    values = {name: value for name, value in proposed.items() if name not in fixed}
    kept = {name: value for name, value in flatten(space, donor).items() if name in fixed}
    return space.repair_within(unflatten(space, {**values, **kept}, like=donor), free)
