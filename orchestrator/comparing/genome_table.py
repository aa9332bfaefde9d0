"""The different genomes of a search, each once, by gene: what all statistics of genes read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.comparing.logged_space import LoggedGene
    from orchestrator.events import JSON, Ordered


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GenomeTable:
    """Genes in columns, genomes in rows, in the order in which they were first trained."""

    genes: tuple[LoggedGene, ...]
    values: dict[str, list[JSON]]
    """By gene, a value a genome; None where the gene does not count."""
    rows: dict[str, int]
    """By the genome's digest."""

    def row(self, order: Ordered) -> int:
        """Return the row of an order's genome."""
        return self.rows[order.digest]


def genome_table(genes: Sequence[LoggedGene], orders: Iterable[Ordered]) -> GenomeTable:
    """Return the table of the ordered genomes; the baseline is not of the population."""
    genomes: dict[str, dict[str, JSON]] = {}
    for order in orders:
        if order.decision != "baseline":
            genomes.setdefault(order.digest, order.genome)
    return GenomeTable(
        genes=tuple(genes),
        values={gene.name: gene.values(genomes.values()) for gene in genes},
        rows={digest: row for row, digest in enumerate(genomes)},
    )
