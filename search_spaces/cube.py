"""The unit cube: genomes as vectors, and distances between genomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces.domains import Choice, Integer, PerLayer, Simplex
from search_spaces.errors import SpaceError
from search_spaces.repairing import replaced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from search_spaces.genes import Gene
    from search_spaces.genome import Genome
    from search_spaces.space import Space

ABSENT = 0.5
"""The coordinate of layers that a genome does not have and of genes that are not active."""


def greatest(gene: Gene) -> int:
    """Return the greatest value of an integer gene: the longest that vectors can be."""
    match gene.domain:
        case Integer(top=top):
            return top
        case Choice(values=values) if all(isinstance(v, int) for v in values):
            return max(v for v in values if isinstance(v, int))
    raise SpaceError(
        "the length of per-layer genes is a whole number",
        f"gene {gene.name!r} has {gene.domain.to_json()}",
        "Give it an integer domain.",
    )


def width(space: Space, gene: Gene) -> int:
    """Return how many coordinates a gene has; a fixed one has none."""
    match gene.domain:
        case domain if domain.is_fixed:
            return 0
        case PerLayer(length=length):
            return space.max_layers[length]
        case Simplex(size=size):
            return size - 1
    return 1


def dimensions(space: Space) -> int:
    """Return the number of coordinates of a genome."""
    return sum(width(space, gene) for gene in space.genes)


def to_unit(space: Space, genome: Genome) -> NDArray[np.float64]:  # (dimensions,), in [0, 1]
    """Lay the genes' coordinates one after the other, in the order of `space.genes`."""
    units: list[float] = []
    for gene in space.genes:
        size = width(space, gene)
        value = getattr(getattr(genome, gene.half), gene.name)
        if size == 0:
            continue
        if not space.is_active(genome, gene.name):
            units += [ABSENT] * size
            continue
        match gene.domain:
            case PerLayer() | Simplex():
                own = gene.domain.to_unit(value)
                units += [*own, *[ABSENT] * (size - len(own))]
            case scalar:
                units.append(scalar.to_unit(value))
    return np.array(units, dtype=np.float64)


def from_unit(space: Space, x: Sequence[float] | NDArray[np.float64]) -> Genome:
    """Read the genes off their coordinates, unrepaired."""
    point = np.asarray(x, dtype=np.float64)
    if point.shape != (space.dimensions,) or not np.isfinite(point).all():
        raise SpaceError(
            f"a point of space {space.name!r} has {space.dimensions} finite coordinates",
            f"got shape {point.shape}",
            "Take the number from `space.dimensions`.",
        )
    units = point.clip(0.0, 1.0).tolist()
    values: dict[str, Any] = {}
    start = 0
    for gene in space.genes:
        size = width(space, gene)
        if size == 0:
            values[gene.name] = space.canonical[gene.name]
            continue
        own = units[start : start + size]
        start += size
        match gene.domain:
            case PerLayer() | Simplex():
                values[gene.name] = gene.domain.from_unit(own)
            case scalar:
                values[gene.name] = scalar.from_unit(own[0])
    # vectors were read at full length; repair cuts them
    return replaced(space.centre, values)


def distance(space: Space, a: Genome, b: Genome) -> float:
    """Return the mean over genes that are not fixed of the domains' distances, in [0, 1]."""
    total, count = 0.0, 0
    for gene in space.genes:
        if gene.is_fixed and not isinstance(gene.domain, PerLayer):
            continue
        x, y = getattr(getattr(a, gene.half), gene.name), getattr(getattr(b, gene.half), gene.name)
        if isinstance(gene.domain, PerLayer):
            if gene.is_fixed:
                continue
            total += gene.domain.distance(x, y) / space.max_layers[gene.domain.length]
        else:
            active = space.is_active(a, gene.name), space.is_active(b, gene.name)
            if all(active):
                total += gene.domain.distance(x, y)
            elif any(active):
                total += 1.0
        count += 1
    return total / count if count else 0.0
