"""Texts, JSON lines and Parquet files that a corpus is made of."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz.corpora import DOCUMENTS
from tests.fuzz.mutation import damaged_bytes, damaged_json, json_bytes
from trainers.data import SourceSpec
from trainers.data.documents import read_documents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fuzz.choices import Choices
    from tests.fuzz.parser import Files


def json_lines(choices: Choices) -> Files:
    rows = [{"text": text, "n": at} for at, text in enumerate(DOCUMENTS[:8])]
    rows = damaged_json(rows, choices) if choices.below(4) else rows
    lines = b"\n".join(map(json_bytes, rows if isinstance(rows, list) else [rows]))
    return {"text.jsonl": lines if choices.below(2) else damaged_bytes(lines, choices)}


def text(choices: Choices) -> Files:
    return {"text.txt": damaged_bytes("\n\n".join(DOCUMENTS[:60]).encode(), choices)}


@functools.cache
def _parquet_seeds() -> tuple[bytes, ...]:
    seeds = []
    tables = (
        pa.table({"text": DOCUMENTS[:60], "n": range(60)}),
        pa.table({"text": pa.array(DOCUMENTS[:3]).dictionary_encode(), "n": [1.5, 2.5, None]}),
        pa.table({"text": pa.array([["a"], None, []]), "n": pa.array([b"\xff", b"", None])}),
        pa.table({"text": pa.array(["a"] * 50, pa.large_string()), "n": pa.array([None] * 50)}),
    )
    for table in tables:
        for compression in ("none", "zstd", "snappy", "gzip"):
            sink = io.BytesIO()
            pq.write_table(table, sink, compression=compression, row_group_size=20)
            seeds.append(sink.getvalue())
    return tuple(seeds)


def parquet(choices: Choices) -> Files:
    data = choices.of(_parquet_seeds())
    if choices.below(2):  # the footer, which is most of the format
        size = int.from_bytes(data[-8:-4], "little")
        footer = damaged_bytes(data[-8 - size : -8], choices, most=3)
        length = choices.of((len(footer), len(footer), len(footer), 2**31 - 1, 0))
        return {"text.parquet": data[: -8 - size] + footer + length.to_bytes(4, "little") + b"PAR1"}
    return {"text.parquet": damaged_bytes(data, choices)}


def reader_of(name: str) -> Callable[[Path], None]:
    def read(directory: Path) -> None:
        path = directory / name
        for _ in read_documents((path,), SourceSpec.file(str(path))):
            pass

    return read
