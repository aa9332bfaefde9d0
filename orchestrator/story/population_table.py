"""The population as a table: one row for each interval of each member, its genome flattened.

For pandas, DuckDB, or anything else that reads Parquet. Genes are columns named `gene.NAME`; a gene
with a value for each layer is a list.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator.story.segments import segments
from orchestrator.story.telling import fitness_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from orchestrator.events import JSON, Reported, Scored
    from orchestrator.story.segments import Segment
    from orchestrator.story.telling import Story

_FIXED: tuple[tuple[str, str], ...] = (
    ("member", "int64"), ("generation", "int64"), ("segment", "string"), ("decision", "string"),
    ("proposer", "string"), ("donor_segment", "string"), ("genome", "string"),
    ("parameters", "int64"), ("interval_tokens", "int64"), ("tokens", "int64"),
    ("inherited_tokens", "int64"), ("interval_flops", "float64"), ("flops", "float64"),
    ("inherited_flops", "float64"), ("train_loss", "float64"), ("loss", "float64"),
    ("bits_per_byte", "float64"), ("batch_losses", "list"), ("fitness", "float64"),
    ("failure", "string"), ("morph", "string"), ("utilities", "string"), ("seconds", "float64"),
    ("cpu_seconds", "float64"), ("adoption_seconds", "float64"), ("finished_at", "float64"),
    ("worker", "int64"), ("origin", "string"),
)  # fmt: skip
"""Columns of every search, in this order; the same types whatever a search holds."""


def population_table(story: Story) -> pa.Table:
    """Return the table, by generation and member; the baseline is the member after the last.

    `decision` and `donor_segment` tell how the row's segment began; losses are nats per token,
    tokens and FLOPs those of the lineage, `morph` and `utilities` JSON.
    """
    import pyarrow as pa  # noqa: PLC0415 - a third of a second

    found: list[tuple[Segment, Reported, Scored | None]] = []
    for segment in segments(story):
        scores = {score.generation: score for score in segment.scores}
        found += [(segment, r, scores.get(r.generation)) for r in segment.reports]
    found.sort(key=lambda row: (row[1].generation, row[1].member))
    columns: dict[str, Any] = {}
    rows = [_row(segment, report, score) for segment, report, score in found]
    for name, kind in _FIXED:
        dtype = pa.list_(pa.float64()) if kind == "list" else getattr(pa, kind)()
        columns[name] = pa.array([row[name] for row in rows], dtype)
    parts = [fitness_parts(score) for _, _, score in found]
    for name in dict.fromkeys(name for part in parts for name in part):
        columns[f"fitness.{name}"] = pa.array([part.get(name) for part in parts], pa.float64())
    genomes = [_genes(segment.genome) for segment, _, _ in found]
    for name in dict.fromkeys(name for genome in genomes for name in genome):
        columns[f"gene.{name}"] = _column([genome.get(name) for genome in genomes])
    return pa.table(columns)


def _row(segment: Segment, report: Reported, score: Scored | None) -> dict[str, object]:
    return {
        "member": report.member,
        "generation": report.generation,
        "segment": str(segment.key),
        "decision": segment.decision,
        "proposer": segment.proposer,
        "donor_segment": None if segment.donor is None else str(segment.donor),
        "genome": report.digest,
        "parameters": report.parameters,
        "interval_tokens": report.interval_tokens,
        "tokens": report.ledger.tokens,
        "inherited_tokens": report.ledger.inherited_tokens,
        "interval_flops": report.interval_flops,
        "flops": report.ledger.flops,
        "inherited_flops": report.ledger.inherited_flops,
        "train_loss": report.train_loss,
        "loss": report.nats_per_token,
        "bits_per_byte": report.bits_per_byte,
        "batch_losses": list(report.losses),
        "fitness": None if score is None else score.fitness,
        "failure": report.failure,
        "morph": None if report.morph is None else json.dumps(report.morph),
        "utilities": None if report.utilities is None else json.dumps(report.utilities),
        "seconds": report.seconds,
        "cpu_seconds": report.cpu_seconds,
        "adoption_seconds": report.adoption_seconds,
        "finished_at": report.finished_at,
        "worker": report.worker,
        "origin": report.origin,
    }


def _genes(genome: dict[str, JSON]) -> dict[str, JSON]:
    return {name: value for half in genome.values() for name, value in half.items()}


def _column(values: Sequence[JSON]) -> pa.Array:
    """Return a column of the values' own type, or of JSON where a gene's choices have several."""
    import pyarrow as pa  # noqa: PLC0415 - see population_table

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else json.dumps(value) for value in values])
