"""The files of a record: everything that somebody needs who has the store and not the machine."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import yaml

from orchestrator.console.summary import Places, as_text, summary
from orchestrator.record.figures import lineage_figure, loss_figure, protocol_figure
from orchestrator.report.drawing import standalone_svg
from orchestrator.story.population_table import population_table
from orchestrator.story.segments import segments

if TYPE_CHECKING:
    from orchestrator.events import JSON
    from orchestrator.story.telling import Story

_SUMMARY_WIDTH = 160


def artifact_files(story: Story) -> dict[str, bytes]:
    """Return the content of each file of a search that has started, by its path."""
    assert story.started is not None
    files = {
        "run.yaml": resolved_run(story).encode(),
        "environment.json": _json(story.started.environment),
        "summary.txt": summary_text(story).encode(),
        "population.parquet": _parquet(story),
        "lineage.json": _json(lineage_graph(story)),
        "lineage.svg": standalone_svg(
            lineage_figure(story), description="Segments of all members and who adopted whom"
        ).encode(),
        "figures/loss.svg": standalone_svg(
            loss_figure(story), description="Loss of all segments by tokens along their lineage"
        ).encode(),
        "figures/learning_rate.svg": standalone_svg(
            protocol_figure(story), description="Learning rates of all members by generation"
        ).encode(),
    }
    return {name: content for name, content in files.items() if content}  # no summary of nothing


def summary_text(story: Story) -> str:
    """Return what the terminal shows at the end of a search."""
    return as_text(summary(story, Places(files=(), commands=())), width=_SUMMARY_WIDTH)


def resolved_run(story: Story) -> str:
    """Return the run file with every default: what decides the search, then where it ran."""
    assert story.started is not None
    values = {**story.started.run, **story.started.environment.get("run", {})}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def lineage_graph(story: Story) -> dict[str, JSON]:
    """Return the segments as nodes, and as edges who adopted whose state."""
    found = segments(story)
    return {
        "nodes": [
            {
                "segment": str(s.key),
                "member": s.key.member,
                "genome": s.digest,
                "decision": s.decision,
                "proposer": s.proposer,
                "first_generation": s.first_generation,
                "last_generation": s.last_generation,
                "tokens_before": s.tokens_before,
                "tokens": s.reports[-1].ledger.tokens if s.reports else None,
                "loss": s.reports[-1].nats_per_token if s.reports else None,
                "genes": s.genome,
            }
            for s in found
        ],
        "edges": [
            {"donor": str(s.donor), "child": str(s.key), "generation": s.first_generation}
            for s in found
            if s.donor is not None
        ],
    }


def _json(values: JSON) -> bytes:
    return json.dumps(values, indent=1, ensure_ascii=False).encode()


def _parquet(story: Story) -> bytes:
    import pyarrow.parquet as pq  # noqa: PLC0415 - a third of a second

    buffer = io.BytesIO()
    pq.write_table(population_table(story), buffer, compression="zstd")
    return buffer.getvalue()
