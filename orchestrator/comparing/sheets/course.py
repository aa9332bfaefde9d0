"""Sheets with one column a search: its course by tokens and by generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.comparing.sheets.sheet import Sheet, left_out
from orchestrator.numerals import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.comparing.comparison import Comparison, Population
    from orchestrator.comparing.diversity import Diversity

_TENTHS = (1, 2, 4, 6, 8, 10)
"""Rows by tokens: tenths of the whole."""


def by_tokens(comparison: Comparison, *, most_columns: int) -> Sheet:
    """Best loss by tokens, with the median and quartiles of the members."""
    shown = comparison.populations[:most_columns]
    last = len(comparison.grid) - 1
    places = sorted({round(tenth / 10 * last) for tenth in _TENTHS}) if last >= 0 else []
    rows = tuple((count(comparison.grid[at]), *(_losses(p, at) for p in shown)) for at in places)
    return Sheet(
        anchor="loss-by-tokens",
        title=f"Best loss by tokens, {comparison.unit}",
        columns=("tokens", *(p.name for p in shown)),
        rows=rows,
        remarks=(
            (
                "tokens of the whole population; lowest loss of the living members, their median "
                "[quartiles]"
            ),
            *left_out(len(comparison.populations), most_columns),
        ),
    )


def _losses(p: Population, at: int) -> str:
    best, median = p.on_grid.best[at], p.on_grid.median[at]
    low, high = p.on_grid.lower_quartile[at], p.on_grid.upper_quartile[at]
    if best is None or median is None or low is None or high is None:
        return "-"
    return f"{best:.4f} | {median:.4f} [{low:.4f}, {high:.4f}]"


def diversity(comparison: Comparison, *, most_columns: int, most_rows: int) -> Sheet:
    """Mean distance of the genomes by generation."""
    shown = comparison.populations[:most_columns]
    by_number = [{d.generation: d for d in p.diversity} for p in shown]
    numbers = sorted({number for each in by_number for number in each})
    rows = tuple(
        (str(number), *(_distance(each.get(number)) for each in by_number))
        for number in _spread(numbers, most_rows)
    )
    return Sheet(
        anchor="diversity",
        title="Diversity by generation",
        columns=("generation", *(p.name for p in shown)),
        rows=rows,
        remarks=(
            (
                f"mean distance of two members' genomes over {len(comparison.ruler_genes)} genes, "
                "from 0 (equal) to 1 (every gene at the other end), and how many genomes differ"
            ),
            *left_out(len(comparison.populations), most_columns),
        ),
    )


def _distance(at: Diversity | None) -> str:
    if at is None:
        return "-"
    distance = "-" if at.mean_distance is None else f"{at.mean_distance:.3f}"
    return f"{distance} ({at.genomes} of {at.members})"


def _spread(numbers: Sequence[int], most: int) -> list[int]:
    """Return at most so many of them, the first and the last among them."""
    if len(numbers) <= most:
        return list(numbers)
    last = len(numbers) - 1
    return [numbers[at] for at in sorted({round(i * last / (most - 1)) for i in range(most)})]
