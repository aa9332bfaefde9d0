"""Mutation: perturb or resample a few genes of a genome (Jaderberg et al. 2017, arXiv:1711.09846).

A perturbation is a normal step whose size is a share of the domain's width, or log-width, so one
`scale` suits learning rates and layer counts alike; it reflects at the bounds. Layers are inserted
as a copy of a neighbour and removed at a random depth, in all per-layer genes at once, so that the
other layers keep their weights' meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search_spaces.domains import PerLayer, Simplex
from search_spaces.errors import InfeasibleGenome
from search_spaces.repairing import replaced

if TYPE_CHECKING:
    import numpy as np

    from search_spaces.genes import Gene
    from search_spaces.genome import Genome
    from search_spaces.space import Space

SCALE = 0.15
"""Default step: a standard deviation of 15 % of the domain's width."""
RATE = 0.15
"""Default probability of a gene to change: two to four genes of the space `gpt`."""
RESAMPLE = 0.15
"""Default probability that a changing gene is drawn anew."""
TRIES = 16
"""Draws before the parent is given back: repairs can undo a step."""


def mutate(
    space: Space,
    genome: Genome,
    rng: np.random.Generator,
    *,
    free: frozenset[str] | None,
    scale: float,
    rate: float,
    resample: float,
) -> Genome:
    """Return a feasible genome near `genome`; see `Space.mutate`."""
    parent = space.repair(genome, free=free).genome
    allowed = space.names if free is None else free
    for _ in range(TRIES):
        eligible = [
            gene
            for gene in space.genes
            if gene.name in allowed and not gene.is_fixed and space.is_active(parent, gene.name)
        ]
        if not eligible:
            return parent
        chosen = rng.random(len(eligible)) < rate
        chosen[int(rng.random() * len(eligible))] = True
        child = parent
        for gene, change in zip(eligible, chosen, strict=True):
            if change:
                anew = rng.random() < resample
                child = _changed(space, child, gene, rng, scale=scale, anew=anew)
        try:
            child = space.repair_within(child, allowed)
        except InfeasibleGenome:
            continue
        if child != parent:
            return child
    return parent


def _changed(
    space: Space, genome: Genome, gene: Gene, rng: np.random.Generator, *, scale: float, anew: bool
) -> Genome:
    """Return the genome with one gene drawn anew or perturbed."""
    value = space.gene_value(genome, gene.name)
    match gene.domain:
        case PerLayer() | Simplex() as vector:
            new: Any = (
                vector.resample(value, rng) if anew else vector.perturb(value, rng, scale=scale)
            )
        case scalar:
            new = scalar.sample(rng) if anew else scalar.perturb(value, rng, scale=scale)
    followers = [
        g for g in space.genes if isinstance(g.domain, PerLayer) and g.domain.length == gene.name
    ]
    if not followers:
        return replaced(genome, {gene.name: new})
    sources = layer_sources(value, new, rng)
    return replaced(
        genome,
        {
            gene.name: new,
            **{
                g.name: tuple(space.gene_value(genome, g.name)[i] for i in sources)
                for g in followers
            },
        },
    )


def layer_sources(old: int, new: int, rng: np.random.Generator) -> list[int]:
    """Say which old layer each new layer copies: random insertions, or random removals.

    >>> import numpy as np
    >>> layer_sources(3, 2, np.random.default_rng(0)) in ([0, 1], [0, 2], [1, 2])
    True
    """
    sources = list(range(old))
    while len(sources) < new:
        index = int(rng.random() * len(sources))
        sources.insert(index, sources[index])
    while len(sources) > new:
        sources.pop(int(rng.random() * len(sources)))
    return sources
