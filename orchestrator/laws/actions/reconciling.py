"""`masga laws reconcile`: one table under Kaplan's and Chinchilla's conventions."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.errors import UserError
from orchestrator.laws import rendering
from orchestrator.laws.actions.asked import (
    Reader,
    asked_loss,
    asked_table,
    guarded,
    known_scales,
    pairs_of_names,
)
from orchestrator.laws.forms.chinchilla import LAW as CHINCHILLA
from orchestrator.laws.planning.reconcile import Runs, reconcile
from orchestrator.laws.table import prepare

if TYPE_CHECKING:
    import argparse

    from orchestrator.laws.law import Array


def run_reconcile(arguments: argparse.Namespace, reader: Reader) -> str:
    """Refit under Kaplan's and Chinchilla's conventions."""
    table = asked_table(arguments, reader)
    names = pairs_of_names(arguments.columns)
    known = {"N", "D", "L", "embedding", "head_flops", "warmup_tokens", "learning_rate"}
    if set(names) - known:
        raise UserError(
            where="--columns", law=f"reconcile reads {', '.join(sorted(known))}",
            found=", ".join(sorted(set(names) - known)), remedy="Use those names on the left.",
        )  # fmt: skip
    base = {k: v for k, v in names.items() if k in {"N", "D", "L"}}
    data = prepare(table, CHINCHILLA, names=base, scales=known_scales(arguments.scale, CHINCHILLA))

    def column(name: str) -> Array | None:
        actual = names.get(name, name)
        if actual not in table.columns:
            return None
        return table.numbers(actual, meaning=f"{name} for reconcile")

    size = data.inputs[0]
    embedding = column("embedding")
    if arguments.size_counts == "total" and embedding is not None:
        size = size - embedding
        if (size <= 0).any():
            row = int(np.flatnonzero(size <= 0)[0])
            raise table.bad_cell(
                row, names.get("embedding", "embedding"), found=f"{embedding[row]:g}",
                law="embedding parameters must be fewer than the total",
            )  # fmt: skip
    runs = Runs(
        size=size, tokens=data.inputs[1], loss=data.target, embedding=embedding,
        head_flops=column("head_flops"), warmup_tokens=column("warmup_tokens"),
        learning_rate=column("learning_rate"),
    )  # fmt: skip
    if all(
        c is None for c in (runs.embedding, runs.head_flops, runs.warmup_tokens, runs.learning_rate)
    ):
        raise UserError(
            where=table.source,
            law=(
                "reconcile needs at least one of the columns embedding, head_flops, "
                "warmup_tokens, learning_rate"
            ),
            found=f"columns {', '.join(table.columns)}",
            remedy="Add one, or name it: --columns embedding=YOUR_COLUMN.",
        )
    exponents = guarded(
        table,
        lambda: reconcile(
            runs, loss=asked_loss(arguments), rng=np.random.default_rng(arguments.seed),
            resamples=arguments.bootstrap,
        ),
    )  # fmt: skip
    if arguments.json:
        return json.dumps([asdict(e) for e in exponents], indent=2)
    return rendering.exponents_text(exponents)
