"""Diversity by generation: how far apart the genomes of a population are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.comparing.ruler import measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.comparing.generations import Generation
    from orchestrator.comparing.genome_table import GenomeTable
    from orchestrator.comparing.ruler import Ruler


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """The genomes that a population trained in one generation."""

    generation: int
    tokens: int
    """Trained by the population when it closed."""
    members: int
    genomes: int
    """Different ones among them."""
    mean_distance: float | None
    """Over all pairs of members, in [0, 1], on the comparison's ruler; None for one member."""


def diversity(
    told: Sequence[Generation], *, table: GenomeTable, ruler: Ruler
) -> tuple[Diversity, ...]:
    """Return the diversity of each generation of one search."""
    laid = measured(ruler, table)
    return tuple(
        Diversity(
            generation=generation.number,
            tokens=generation.tokens,
            members=len(generation.orders),
            genomes=len({order.digest for order in generation.orders}),
            mean_distance=laid.mean_distance([table.row(o) for o in generation.orders]),
        )
        for generation in told
    )
