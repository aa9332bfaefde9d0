"""The gene values of a population: of its survivors, and of the first generation beside them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from orchestrator.numerals import gene as written
from search_spaces.domains import Choice, Simplex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.comparing.logged_space import LoggedGene
    from orchestrator.events import JSON

Kind = Literal["number", "choice", "shares"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values of one gene in some genomes; what does not suit its kind is None or empty."""

    genomes: int
    """In which the gene counts."""
    low: float | None
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None
    high: float | None
    counts: tuple[tuple[str, int], ...]
    """(choice, genomes or layers that have it), the most frequent first."""
    mean_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneValues:
    """One gene in one search; the layers of a per-layer gene are counted together."""

    gene: str
    kind: Kind
    is_per_layer: bool
    is_log: bool
    """Whether its domain is logarithmic."""
    winner: JSON
    """The winner's own value; None: it has none, or there is no winner."""
    first: Values
    """In the first generation."""
    survivors: Values


def gene_values(
    gene: LoggedGene,
    *,
    values: Sequence[JSON],
    first: Sequence[int],
    survivors: Sequence[int],
    winner: int | None,
) -> GeneValues:
    """Sum up one gene.

    Args:
        gene: Of the genomes' space.
        values: Its value in each genome; None where it does not count.
        first: Places in `values` of the genomes of the first generation.
        survivors: Places of those of the members that live at the end.
        winner: Place of the winner's.
    """
    kind = _kind(gene)
    return GeneValues(
        gene=gene.name,
        kind=kind,
        is_per_layer=gene.is_per_layer,
        is_log=getattr(gene.domain, "log", False),
        winner=None if winner is None else values[winner],
        first=_values(gene, kind, [values[at] for at in first]),
        survivors=_values(gene, kind, [values[at] for at in survivors]),
    )


def _kind(gene: LoggedGene) -> Kind:
    match gene.domain:
        case Simplex():
            return "shares"
        case Choice(values=values):
            # head_dim 16, 32, 64: a few numbers are counted, not averaged
            return "shares" if isinstance(values[0], tuple) else "choice"
    return "number"


def _values(gene: LoggedGene, kind: Kind, values: Sequence[JSON]) -> Values:
    own = [value for value in values if value is not None]
    single = [v for value in own for v in value] if gene.is_per_layer else own
    numbers = single if kind == "number" else []
    quantiles = np.quantile(numbers, (0, 0.25, 0.5, 0.75, 1)).tolist() if numbers else [None] * 5
    counts = Counter(single if kind == "choice" else ())
    shares = np.mean(single, axis=0).tolist() if kind == "shares" and single else ()
    return Values(
        genomes=len(own),
        low=quantiles[0],
        lower_quartile=quantiles[1],
        median=quantiles[2],
        upper_quartile=quantiles[3],
        high=quantiles[4],
        counts=tuple(
            sorted(
                ((written(choice), number) for choice, number in counts.items()),
                key=lambda pair: (-pair[1], pair[0]),
            )
        ),
        mean_shares=tuple(shares),
    )
