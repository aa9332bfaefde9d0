"""Crossover: uniform by gene (Syswerda 1989), layers aligned by relative depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search_spaces.domains import PerLayer
from search_spaces.errors import InfeasibleGenome
from search_spaces.repairing import replaced

if TYPE_CHECKING:
    import numpy as np

    from search_spaces.genome import Genome
    from search_spaces.space import Space

TRIES = 16


def crossover(
    space: Space,
    a: Genome,
    b: Genome,
    rng: np.random.Generator,
    *,
    free: frozenset[str] | None,
) -> Genome:
    """Take each free gene from either parent; genes that are not free stay as in `a`.

    A layer's genes come from one parent together, so that they still suit each other. Falls back
    to the repaired `a` where no mix is feasible.
    """
    allowed = space.names if free is None else free
    first = space.repair(a, free=free).genome
    second = space.repair(b).genome
    for _ in range(TRIES):
        child = _mix(space, first, second, rng, allowed)
        try:
            return space.repair_within(child, allowed)
        except InfeasibleGenome:
            continue
    return first


def _mix(
    space: Space, a: Genome, b: Genome, rng: np.random.Generator, free: frozenset[str]
) -> Genome:
    values: dict[str, Any] = {}
    per_layer = []
    for gene in space.genes:
        if isinstance(gene.domain, PerLayer):
            per_layer.append((gene.name, gene.domain.length))
        elif rng.random() < 0.5 and gene.name in free:
            values[gene.name] = space.gene_value(b, gene.name)
    for length in dict.fromkeys(length for _, length in per_layer):
        layers = values.get(length, space.gene_value(a, length))
        from_b = rng.random(layers) < 0.5
        for name in (name for name, own in per_layer if own == length):
            x, y = space.gene_value(a, name), space.gene_value(b, name)
            donors = [y if take and name in free else x for take in from_b]
            values[name] = tuple(
                donor[aligned(i, layers, len(donor))] for i, donor in enumerate(donors)
            )
    return replaced(a, values)


def aligned(layer: int, layers: int, others: int) -> int:
    """Return the layer of a model of `others` layers at the same relative depth.

    >>> [aligned(i, 4, 2) for i in range(4)]
    [0, 0, 1, 1]
    """
    if layers == others:
        return layer
    return min(others - 1, int((layer + 0.5) * others / layers))
