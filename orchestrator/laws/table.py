"""A checked table of runs: the columns that a law reads, and why a table is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from orchestrator.laws.law import Array, Input, Law

LARGEST_GAP = 3.5
"""Decades between neighbouring sorted values beyond which units must be mixed."""
REFUSED_COLLINEARITY = 1e-3
DOUBTFUL_COLLINEARITY = 3e-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Named columns of equal length, as read.

    Args:
        source: Where they come from, for messages.
        columns: Numbers, or strings where the source has strings.
        rows: Row number in the source of each row, (n,), counted from 1 without the header.
        filters: What was left out, in words.
    """

    source: str
    columns: Mapping[str, Array | NDArray[np.str_]]
    rows: NDArray[np.int64]
    filters: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.rows.size)

    def keep(self, mask: NDArray[np.bool_], reason: str) -> Table:
        """Keep the rows of a mask, recording why."""
        return Table(
            source=self.source,
            columns={name: values[mask] for name, values in self.columns.items()},
            rows=self.rows[mask],
            filters=(*self.filters, f"{reason} ({int((~mask).sum())} of {len(self)} rows dropped)"),
        )

    def numbers(self, column: str, *, meaning: str) -> Array:
        """Return a numeric column, (n,).

        Raises:
            UserError: No such column, or a cell that is not a number.
        """
        if column not in self.columns:
            raise UserError(
                where=self.source,
                law=f"{meaning} must be a column",
                found=f"no column {column!r} among {', '.join(self.columns)}",
                remedy=f"Name it with --columns, for example --columns {column}=YOUR_COLUMN.",
            )
        values = self.columns[column]
        if values.dtype.kind in "fiub":
            return values.astype(np.float64)
        result = np.empty(len(self))
        for i, cell in enumerate(values):
            try:
                result[i] = float(cell)
            except ValueError:
                raise self.bad_cell(
                    i, column, law=f"{meaning} must be a number", found=repr(str(cell))
                ) from None
        return result

    def bad_cell(self, index: int, column: str, *, law: str, found: str) -> UserError:
        """Make the error that points at one cell."""
        return UserError(
            where=f"{self.source}, row {int(self.rows[index])}, column {column}",
            law=law,
            found=found,
            remedy="Correct or drop that row (--filter).",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What a fit takes: checked inputs and target, with doubts about the design."""

    inputs: tuple[Array, ...]
    target: Array
    table: Table
    warnings: tuple[str, ...]

    def rows(self, mask: NDArray[np.bool_]) -> tuple[tuple[Array, ...], Array]:
        """Inputs and target of some rows."""
        return tuple(x[mask] for x in self.inputs), self.target[mask]


def prepare(
    table: Table,
    law: Law,
    *,
    names: Mapping[str, str] | None = None,
    scales: Mapping[str, float] | None = None,
    check_design: bool = True,
) -> Data:
    """Pick and check the columns that a law reads.

    Args:
        table: The table.
        law: The law.
        names: Column of each input or of the output, where it is called otherwise.
        scales: Factor that brings a column to the law's unit (1e9 for tokens in billions).
        check_design: Whether a design that cannot identify the law is refused.

    Raises:
        UserError: A missing column, a bad cell, mixed units, too few rows, one size only, or
            collinear inputs: with the row, the column, the law and the remedy.
    """
    names, scales = names or {}, scales or {}
    known = {column.name for column in (*law.inputs, law.output)}
    for name in (*names, *scales):
        if name not in known:
            raise UserError(
                where="--columns or --scale",
                law=f"law {law.name} reads {', '.join(sorted(known))}",
                found=repr(name),
                remedy="Use those names on the left of the equals sign.",
            )
    inputs = tuple(_column(table, c, law, names, scales) for c in law.inputs)
    target = _column(table, law.output, law, names, scales, output=True)
    warnings: list[str] = []
    if check_design:
        _check_units(table, law, inputs, names)
        _check_count(table, law)
        warnings = _check_design(table, law, inputs, names)
    return Data(inputs=inputs, target=target, table=table, warnings=tuple(warnings))


def _column(
    table: Table,
    column: Input,
    law: Law,
    names: Mapping[str, str],
    scales: Mapping[str, float],
    *,
    output: bool = False,
) -> Array:
    """Read one column, refusing cells that the law cannot take."""
    actual = names.get(column.name, column.name)
    if actual not in table.columns:
        needed = ", ".join(c.name for c in (*law.inputs, law.output))
        raise UserError(
            where=table.source,
            law=f"law {law.name} reads the columns {needed} ({column.name}: {column.unit})",
            found=f"no column {actual!r} among {', '.join(table.columns)}",
            remedy=f"Name it: --columns {column.name}=YOUR_COLUMN.",
        )
    values = table.numbers(actual, meaning=f"{column.name} of law {law.name}")
    values = values * scales.get(column.name, 1.0)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise table.bad_cell(
            int(bad[0]), actual,
            law=f"{column.name} of law {law.name} must be finite", found=f"{values[bad[0]]}",
        )  # fmt: skip
    positive = column.positive and (not output or law.residual == "log")
    bad = np.flatnonzero(values <= 0) if positive else bad
    if bad.size:
        raise table.bad_cell(
            int(bad[0]), actual,
            law=f"{column.name} of law {law.name} ({column.unit}) must be above zero",
            found=f"{values[bad[0]]:g}",
        )  # fmt: skip
    return values


def _check_units(
    table: Table, law: Law, inputs: tuple[Array, ...], names: Mapping[str, str]
) -> None:
    """Refuse a column that holds two units, or one given in thousands of what another is."""
    for column, values in zip(law.inputs, inputs, strict=True):
        if not column.positive or column.span[1] / column.span[0] < 1e3:
            continue
        order = np.argsort(values)
        logs = np.log10(values[order])
        gaps = np.diff(logs)
        if gaps.size and gaps.max() > LARGEST_GAP:
            k = int(np.argmax(gaps))
            low, high = int(order[k]), int(order[k + 1])
            raise UserError(
                where=(
                    f"{table.source}, column {names.get(column.name, column.name)}, "
                    f"rows {int(table.rows[low])} and {int(table.rows[high])}"
                ),
                law=f"{column.name} of law {law.name} must be in one unit, {column.unit}",
                found=f"{values[low]:g} beside {values[high]:g} and nothing between",
                remedy="Bring all rows to one unit (raw counts, not millions or billions).",
            )
        if values.max() < column.span[0] * 1e-4:
            raise UserError(
                where=f"{table.source}, column {names.get(column.name, column.name)}",
                law=f"{column.name} of law {law.name} is counted in {column.unit}, one by one",
                found=f"values from {values.min():g} to {values.max():g}",
                remedy=f"If they are in billions, say --scale {column.name}=1e9.",
            )


def _check_count(table: Table, law: Law) -> None:
    if len(table) <= len(law.parameters):
        raise UserError(
            where=table.source,
            law=(
                f"law {law.name} has {len(law.parameters)} parameters "
                f"({', '.join(law.parameter_names)}) and needs more points than that"
            ),
            found=f"{len(table)} points",
            remedy="Add runs, hold parameters with --fix NAME=VALUE, or choose a smaller law.",
        )


def _check_design(
    table: Table, law: Law, inputs: tuple[Array, ...], names: Mapping[str, str]
) -> list[str]:
    """Refuse one size only and collinear inputs; return doubts."""
    varied = []
    for column, values in zip(law.inputs, inputs, strict=True):
        spread = np.log(values) if column.positive else values
        if np.ptp(spread) <= 1e-9 * max(1.0, float(np.abs(spread).max())):
            raise UserError(
                where=f"{table.source}, column {names.get(column.name, column.name)}",
                law=f"law {law.name} needs at least two different values of {column.name}",
                found=f"the one value {values[0]:g} in all {len(table)} rows",
                remedy="Add runs of other sizes, or fit a law that does not read this column.",
            )
        if column.positive and law.design is None:
            varied.append((column.name, spread))
    if len(varied) < 2:
        return []
    matrix = np.stack([values - values.mean() for _, values in varied])
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    share = float(np.linalg.svd(matrix, compute_uv=False)[-1] / np.sqrt(len(varied)))
    labels = " and ".join(name for name, _ in varied)
    if share < REFUSED_COLLINEARITY:
        raise UserError(
            where=table.source,
            law=f"law {law.name} needs {labels} to vary independently",
            found=f"logarithms that are collinear ({share:.1e} of their spread is independent)",
            remedy=(
                "Add runs off that line (other tokens per parameter), or fit a law of one input."
            ),
        )
    if share < DOUBTFUL_COLLINEARITY:
        doubt = (
            f"{labels} hardly vary independently ({share:.1%} of their spread): the terms of law "
            f"{law.name} are told apart by extrapolation only."
        )
        return [doubt]
    return []
