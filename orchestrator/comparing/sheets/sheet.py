"""A sheet: a table of text with a title and remarks."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table to be set in columns; the first one names the rows."""

    anchor: str
    """A name for links to it."""
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()
    """What the numbers mean, and what is left out."""


def turned(sheet: Sheet) -> Sheet:
    """Return the sheet with its rows as columns: for few rows of many columns."""
    columns, *rows = zip(sheet.columns, *sheet.rows, strict=True)
    return replace(sheet, columns=columns, rows=tuple(rows))


def without(sheet: Sheet, *columns: str) -> Sheet:
    """Return the sheet without some of its columns."""
    kept = [at for at, column in enumerate(sheet.columns) if column not in columns]
    return replace(
        sheet,
        columns=tuple(sheet.columns[at] for at in kept),
        rows=tuple(tuple(row[at] for at in kept) for row in sheet.rows),
    )


def left_out(populations: int, most_columns: int) -> tuple[str, ...]:
    """Return the remark on searches that have no column of their own."""
    more = populations - most_columns
    return (f"{more} more searches are in --json and on the page (--html)",) if more > 0 else ()
