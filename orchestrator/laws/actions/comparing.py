"""`masga laws compare`: laws ranked by held-out extrapolation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.errors import UserError
from orchestrator.laws import rendering
from orchestrator.laws.actions.asked import (
    Reader,
    asked_clusters,
    asked_loss,
    asked_table,
    guarded,
    known_scales,
    named,
    pairs_of_names,
)
from orchestrator.laws.compare import compare, parse_holdout
from orchestrator.laws.table import Data, Table, prepare

if TYPE_CHECKING:
    import argparse

    from orchestrator.laws.law import Law


def run_compare(arguments: argparse.Namespace, reader: Reader) -> str:
    """Rank laws by held-out extrapolation."""
    table = asked_table(arguments, reader)
    laws: dict[str, tuple[Law, Data]] = {}
    names = pairs_of_names(arguments.columns)
    for name in arguments.laws.split(","):
        law = named(name.strip())
        mine = {k: v for k, v in names.items() if k in {*law.input_names, law.output.name}}
        data = prepare(table, law, names=mine, scales=known_scales(arguments.scale, law))
        laws[name.strip()] = (law, data)
    first = next(iter(laws.values()))
    held_out = parse_holdout(arguments.holdout, first[1], first[0])
    for law, _ in laws.values():
        _require_points(table, law, int((~held_out).sum()))
    scores = guarded(
        table,
        lambda: compare(
            laws, held_out, loss=asked_loss(arguments), rng=np.random.default_rng(arguments.seed),
            clusters=asked_clusters(arguments, table),
        ),
    )  # fmt: skip
    if arguments.json:
        return json.dumps(rendering.scores_document(scores), indent=2)
    return rendering.scores_text(scores, int(held_out.sum()), len(table))


def _require_points(table: Table, law: Law, left: int) -> None:
    if left <= len(law.parameters):
        raise UserError(
            where=table.source,
            law=f"law {law.name} needs more than {len(law.parameters)} points to fit",
            found=f"{left} rows once the largest are held out",
            remedy="Hold out less: --holdout largest:10%.",
        )
