"""Pages are measured before they are unpacked: a small file cannot ask for much memory."""

import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainers.data import CorpusError, documents
from trainers.data.documents import read_parquet
from trainers.data.parquet_pages import page_sizes


def written(table, **options):
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink


def sizes(sink, column="text"):
    return list(page_sizes(sink, column))


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_the_pages_are_all_that_a_column_holds(compression, version):
    draw = random.Random(1)
    texts = ["".join(draw.choices("abc é🐋", k=draw.randrange(300))) for _ in range(3000)]
    sink = written(
        pa.table({"n": range(3000), "text": texts}),
        compression=compression,
        data_page_version=version,
        data_page_size=10_000,
        write_batch_size=50,
        write_statistics=False,
        row_group_size=1000,
        use_dictionary=False,
    )
    found = sizes(sink)
    metadata = pq.ParquetFile(sink).metadata
    chunks = [metadata.row_group(group).column(1) for group in range(3)]
    whole = sum(chunk.total_uncompressed_size for chunk in chunks)
    assert len(found) > 30
    assert 0 < whole - sum(found) < 100 * len(found)  # the headers


def test_a_dictionary_is_a_page_too():
    sink = written(pa.table({"text": ["a" * 5000, "b" * 5000] * 100}))
    assert max(sizes(sink)) >= 10_000
    assert len(sizes(sink)) == 2


def test_a_column_of_statistics_longer_than_a_header_is_read(monkeypatch):
    sink = written(pa.table({"text": ["a" * 3000, "b" * 3000]}), use_dictionary=False)
    monkeypatch.setattr("trainers.data.parquet_pages.HEADER_BYTES", 4)
    assert sum(sizes(sink)) >= 6000


def test_a_page_that_would_unpack_to_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.parquet"
    table = pa.table({"text": ["a" * 3_000_000]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 10_000
    assert [len(text) for text in read_parquet(path, column="text")] == [3_000_000]
    monkeypatch.setattr(documents, "LARGEST_PAGE_BYTES", 1_000_000)
    with pytest.raises(CorpusError, match="would unpack to 3000"):
        next(read_parquet(path, column="text"))


def test_long_rows_come_few_at_a_time(tmp_path, monkeypatch):
    path = tmp_path / "long.parquet"
    pq.write_table(pa.table({"text": ["a" * 100_000] * 64}), path, compression="zstd")
    monkeypatch.setattr(documents, "LARGEST_PAGE_BYTES", 1_000_000)
    rows = documents._rows_at_once(path, "text")
    assert rows == 1_000_000 // max(sizes(io.BytesIO(path.read_bytes())))
    assert sum(map(len, read_parquet(path, column="text"))) == 6_400_000


def test_a_header_that_is_none_is_told(tmp_path):
    path = tmp_path / "bad.parquet"
    pq.write_table(pa.table({"text": ["some text"] * 5}), path, use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[4:12] = b"\xff" * 8
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="is a Parquet file"):
        list(read_parquet(path, column="text"))
