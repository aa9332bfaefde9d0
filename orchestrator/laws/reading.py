"""Read a table of runs from CSV, Parquet or JSON lines; the one place that knows file formats."""

from __future__ import annotations

import csv
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.errors import Clause, UserError
from orchestrator.laws.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.laws.law import Array

ExperimentReader = Callable[[str], Sequence[Mapping[str, object]]]
"""Reads the runs of a tracking experiment, named by what stands behind `mlflow:`."""

_MOST_CELLS = 50_000_000
_COMPARISONS = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, ">": operator.gt,
}  # fmt: skip


def read_table(source: str, *, read_experiment: ExperimentReader | None = None) -> Table:
    """Read a file, or `mlflow:EXPERIMENT` through the given reader.

    Raises:
        UserError: The file is missing, empty, not readable as its ending says, or has ragged rows.
    """
    if source.startswith("mlflow:"):
        if read_experiment is None:
            raise UserError(
                where=source,
                law="an MLflow experiment is read by the `masga` command",
                found="no MLflow reader in this process",
                remedy="Run `masga laws ...`, or export the runs to CSV.",
            )
        return _from_records(source, read_experiment(source.removeprefix("mlflow:")))
    path = Path(source)
    if not path.is_file():
        raise UserError(
            where=source, law="the table must be a file", found="no such file",
            remedy="Check the path.",
        )  # fmt: skip
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".jsonl": _read_json_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UserError(
            where=source,
            law=f"a table ends in {', '.join(readers)}",
            found=f"{path.suffix or 'no ending'}",
            remedy="Convert it, or rename it to what it is.",
        )
    return reader(path)


def _read_csv(path: Path) -> Table:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except UnicodeDecodeError as error:
        raise UserError(
            where=str(path), law="a CSV file is UTF-8 text", found=str(error),
            remedy="Save it as UTF-8.",
        ) from error  # fmt: skip
    lines = [line for line in lines if line]
    if len(lines) < 2:
        raise UserError(
            where=str(path), law="a CSV file has a header and at least one row",
            found=f"{len(lines)} lines", remedy="Check the file.",
        )  # fmt: skip
    header = [name.strip() for name in lines[0]]
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(header):
            raise UserError(
                where=f"{path}, row {number}",
                law=f"every row has the {len(header)} cells of the header",
                found=f"{len(line)} cells",
                remedy="Quote cells that hold commas.",
            )
    columns = zip(*lines[1:], strict=True)
    return Table(
        source=str(path),
        columns={name: _typed(list(cells)) for name, cells in zip(header, columns, strict=True)},
        rows=np.arange(1, len(lines), dtype=np.int64),
    )


def _read_json_lines(path: Path) -> Table:
    records = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, 5000 digits
                raise UserError(
                    where=f"{path}, line {number}", law="every line is one JSON object",
                    found=str(error), remedy="Correct that line.",
                ) from error  # fmt: skip
            if not isinstance(record, dict):
                raise UserError(
                    where=f"{path}, line {number}", law="every line is one JSON object",
                    found=type(record).__name__, remedy="Correct that line.",
                )  # fmt: skip
            records.append(record)
    return _from_records(str(path), records)


def _read_parquet(path: Path) -> Table:
    import pyarrow.parquet  # noqa: PLC0415 - heavy, loaded on use
    from pyarrow.lib import ArrowException  # noqa: PLC0415 - heavy, loaded on use

    try:
        about = pyarrow.parquet.read_metadata(path)
        is_small = about.num_rows * about.num_columns <= _MOST_CELLS
        table = pyarrow.parquet.read_table(path, columns=None if is_small else [])
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
    except (ArrowException, OSError, ValueError, KeyError) as error:  # all that Arrow raises
        raise UserError(
            where=str(path), law="the file is Parquet with columns of different names",
            found=Clause(f"Arrow says: {error}"), remedy="Check how it was written.",
        ) from error  # fmt: skip
    if not is_small:
        raise UserError(
            where=str(path), law=f"a table of runs has at most {_MOST_CELLS} cells",
            found=f"{about.num_rows} rows of {about.num_columns}",
            remedy="Take the columns and rows that the law needs.",
        )  # fmt: skip
    if table.num_rows == 0:
        raise UserError(
            where=str(path), law="a table has at least one row", found="none",
            remedy="Check the file.",
        )  # fmt: skip
    return Table(
        source=str(path),
        columns={name: _typed(cells) for name, cells in columns.items()},
        rows=np.arange(1, table.num_rows + 1, dtype=np.int64),
    )


def _from_records(source: str, records: Sequence[Mapping[str, object]]) -> Table:
    if not records:
        raise UserError(
            where=source, law="a table has at least one row", found="none",
            remedy="Check the source.",
        )  # fmt: skip
    names = list(dict.fromkeys(name for record in records for name in record))
    return Table(
        source=source,
        columns={name: _typed([record.get(name) for record in records]) for name in names},
        rows=np.arange(1, len(records) + 1, dtype=np.int64),
    )


def _typed(cells: Sequence[object]) -> Array | NDArray[np.str_]:
    """Make an array: numbers where every cell is one (or empty: nan), strings otherwise."""
    numbers = np.empty(len(cells))
    for i, cell in enumerate(cells):
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            numbers[i] = np.nan
        elif isinstance(cell, (int, float)):
            numbers[i] = float(cell)
        else:
            try:
                numbers[i] = float(str(cell))
            except ValueError:
                return np.array(["" if c is None else str(c) for c in cells])
    return numbers


def apply_filter(table: Table, expression: str) -> Table:
    """Keep the rows for which `COLUMN<VALUE` (or <=, >, >=, ==, !=) holds.

    Raises:
        UserError: Not of that form, an unknown column, or no row is left.
    """
    match = re.fullmatch(r"\s*([^<>=!]+?)\s*(<=|>=|==|!=|<|>)\s*(.+?)\s*", expression)
    if match is None:
        raise UserError(
            where="--filter", law="a filter reads COLUMN<VALUE (or <=, >, >=, ==, !=)",
            found=repr(expression), remedy="For example --filter 'loss<4'.",
        )  # fmt: skip
    column, sign, value = match.groups()
    compare = _COMPARISONS[sign]
    if column not in table.columns:
        table.numbers(column, meaning="what --filter reads")
    values = table.columns[column]
    if values.dtype.kind == "U":
        mask = np.array([bool(compare(str(cell), value)) for cell in values])
    else:
        try:
            mask = compare(values, float(value))
        except ValueError:
            raise UserError(
                where="--filter", law=f"column {column} holds numbers", found=repr(value),
                remedy="Compare it with a number.",
            ) from None  # fmt: skip
    if not mask.any():
        raise UserError(
            where="--filter", law="a filter must keep at least one row",
            found=f"none of {len(table)} rows with {expression}", remedy="Loosen it.",
        )  # fmt: skip
    return table.keep(mask, f"kept {expression}")
