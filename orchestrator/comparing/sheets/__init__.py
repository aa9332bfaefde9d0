"""What a comparison says in tables: sheets of text, the same for a terminal and for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.comparing.sheets.course import by_tokens, diversity
from orchestrator.comparing.sheets.genes import importance, survivors
from orchestrator.comparing.sheets.results import ledger, results, searches, significance
from orchestrator.comparing.sheets.sheet import Sheet, turned, without

if TYPE_CHECKING:
    from orchestrator.comparing.comparison import Comparison

__all__ = ["Sheet", "sheets"]

_ROOMY = frozenset(
    {
        "space", "selection", "proposers", "winner", "adopting", "restarts", "winner FLOPs",
        "of them inherited",
    }
)  # fmt: skip
"""Columns of the sheets by search that there is no room for beside many searches."""


def sheets(
    comparison: Comparison, *, most_columns: int, most_rows: int, room_for_winners: int
) -> tuple[Sheet, ...]:
    """Return the sheets that have something to say.

    Args:
        comparison: What they tell.
        most_columns: Searches that stand beside each other in one sheet; the rest is only counted.
        room_for_winners: Searches beside which there is room for their winners' genes.
        most_rows: Rows of sheets by generation and by importance.
    """
    few = len(comparison.populations) <= most_columns
    by_search = [
        turned(sheet) if few else without(sheet, *_ROOMY)
        for sheet in (searches(comparison), results(comparison), ledger(comparison))
    ]
    made = (
        *by_search[:2],
        significance(comparison),
        by_tokens(comparison, most_columns=most_columns),
        diversity(comparison, most_columns=most_columns, most_rows=most_rows),
        importance(comparison, most_columns=most_columns, most_rows=most_rows),
        survivors(
            comparison,
            most_columns=most_columns,
            with_winners=min(most_columns, len(comparison.populations)) <= room_for_winners,
        ),
        *by_search[2:],
    )
    return tuple(sheet for sheet in made if sheet.rows or sheet.remarks)
