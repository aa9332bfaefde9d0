"""Tables of runs that laws are fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.laws.reading import read_table
from tests.fuzz.mutation import damaged_bytes
from tests.fuzz.sources import json_lines, parquet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fuzz.choices import Choices
    from tests.fuzz.parser import Files


def table_of_runs(choices: Choices) -> Files:
    csv = b"N,D,loss\n" + b"".join(b"%d,%d,%.3f\n" % (n, 20 * n, 3 / n) for n in range(1, 9))
    match choices.below(3):
        case 0:
            return {"runs.csv": damaged_bytes(csv, choices)}
        case 1:
            lines = json_lines(choices)["text.jsonl"]
            return {"runs.jsonl": lines}
        case _:
            return {"runs.parquet": parquet(choices)["text.parquet"]}


def read_runs(directory: Path) -> None:
    (path,) = directory.iterdir()
    table: Any = read_table(str(path))
    len(table)
