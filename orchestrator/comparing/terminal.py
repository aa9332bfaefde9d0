"""The comparison as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orchestrator.comparing.headlines import headlines
from orchestrator.comparing.sheets import sheets

if TYPE_CHECKING:
    from rich.console import RenderableType

    from orchestrator.comparing.comparison import Comparison
    from orchestrator.comparing.sheets import Sheet

MOST_COLUMNS, MOST_ROWS, ROOM_FOR_WINNERS = 4, 10, 2


def tables(comparison: Comparison) -> RenderableType:
    """Return what a reader compares by; all the rest is in the JSON and on the page."""
    parts: list[RenderableType] = [
        Padding(Text(sentence), (0, 0, 0, 2)) for sentence in headlines(comparison)
    ]
    if parts:
        parts.insert(0, Text("In short", style="bold"))
    for sheet in sheets(
        comparison,
        most_columns=MOST_COLUMNS,
        most_rows=MOST_ROWS,
        room_for_winners=ROOM_FOR_WINNERS,
    ):
        parts += [Text(), Text(sheet.title, style="bold")]
        if sheet.rows:
            parts.append(Padding(_table(sheet), (0, 0, 0, 2)))
        parts += [Padding(Text(line, style="dim"), (0, 0, 0, 2)) for line in sheet.remarks]
    for note in comparison.notes:
        parts += [Text(), Text.assemble(("Note: ", "bold"), note)]
    return Group(*parts)


def _table(sheet: Sheet) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, column in enumerate(sheet.columns):
        numeric = at > 0 and all(row[at][:1] in set("0123456789+-") for row in sheet.rows)
        table.add_column(
            Text(column),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=at == 0,
        )
    for row in sheet.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
