"""`masga laws crossover`: do two curves of one table cross, and how surely."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.errors import UserError
from orchestrator.laws import rendering
from orchestrator.laws.actions.asked import (
    Reader,
    asked_data,
    asked_fit,
    asked_law,
    asked_table,
    require_resamples,
)
from orchestrator.laws.crossover import crossover

if TYPE_CHECKING:
    import argparse

    from orchestrator.laws.fitting.bootstrap import Bootstrap
    from orchestrator.laws.law import Array
    from orchestrator.laws.table import Table


def run_crossover(arguments: argparse.Namespace, reader: Reader) -> str:
    """Fit one law to both halves of a table and compare the curves."""
    law = asked_law(arguments)
    if len(law.inputs) != 1:
        raise UserError(
            where="--law", law="curves that cross are of a law of one input",
            found=f"law {law.name} reads {', '.join(law.input_names)}",
            remedy="For example --law hestness or henighan, in compute or in tokens.",
        )  # fmt: skip
    require_resamples(arguments.bootstrap, what="a crossover")
    table = asked_table(arguments, reader)
    first, second = _labels(table, arguments.split)
    column = arguments.split.partition("=")[0]
    drawn: list[Bootstrap] = []
    seen: list[Array] = []
    for label in (first, second):
        half = table.keep(table.columns[column].astype(str) == label, f"{column} is {label}")
        half = replace(half, source=f"{table.source} ({label})")
        _, half, data = asked_data(arguments, law, reader, table=half)
        _, resampled = asked_fit(arguments, law, half, data)
        assert resampled is not None
        drawn.append(resampled)
        seen.append(data.inputs[0])
    low, high = _range(arguments.range, seen)
    found = crossover(
        drawn[0], drawn[1], low=low, high=high, rng=np.random.default_rng(arguments.seed)
    )
    if arguments.json:
        whole = {"first": first, "second": second, "low": low, "high": high, **asdict(found)}
        return json.dumps(rendering.without_nan(whole), indent=2)
    return rendering.crossover_text(found, names=(first, second), law=law, low=low, high=high)


def _labels(table: Table, split: str) -> tuple[str, str]:
    """Read COLUMN or COLUMN=FIRST,SECOND; in the first form the column has exactly two values."""
    column, _, told = split.partition("=")
    if column not in table.columns:
        table.numbers(column, meaning="what --split reads")
    present = list(dict.fromkeys(table.columns[column].astype(str)))
    labels = [part.strip() for part in told.split(",")] if told else sorted(present)
    if len(labels) != 2 or labels[0] == labels[1] or not set(labels) <= set(present):
        raise UserError(
            where="--split",
            law=f"column {column} tells two curves apart",
            found=f"{', '.join(labels)} of the values {', '.join(present[:8])}",
            remedy=f"Name two: --split {column}=BASELINE,EVOLVED.",
        )
    return labels[0], labels[1]


def _range(text: str, seen: list[Array]) -> tuple[float, float]:
    """Read LOW:HIGH; without it, from the smallest run to ten times the largest."""
    if not text:
        return min(float(x.min()) for x in seen), 10 * max(float(x.max()) for x in seen)
    low, colon, high = text.partition(":")
    try:
        ends = float(low), float(high)
        if not colon or not 0 < ends[0] < ends[1] < np.inf:
            raise ValueError(text)  # noqa: TRY301 - one message for all wrong forms
    except ValueError as error:
        raise UserError(
            where="--range", law="it reads LOW:HIGH with 0 < LOW < HIGH", found=repr(text),
            remedy="For example --range 1e18:1e22.",
        ) from error  # fmt: skip
    return ends
