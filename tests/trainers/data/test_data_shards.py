"""Shards: one stream whatever the length of the shards, mapped and not copied."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.data import CorpusError
from trainers.data.shards import ShardWriter, TokenStream, open_shard, verify_file, write_shard


@settings(deadline=None, max_examples=30)
@given(
    pieces=st.lists(st.integers(0, 30), max_size=8),
    shard_tokens=st.integers(1, 40),
    reading=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_shards_read_as_one_stream(tmp_path_factory, pieces, shard_tokens, reading):
    folder = tmp_path_factory.mktemp("shards")
    writer = ShardWriter(folder, "s", shard_tokens=shard_tokens)
    tokens = np.arange(sum(pieces), dtype=np.uint16)
    for piece in np.split(tokens, np.cumsum(pieces)[:-1]) if pieces else []:
        writer.append(piece)
    records = writer.finish()
    assert all(r.tokens == shard_tokens for r in records[:-1])
    stream = TokenStream([open_shard(folder, r) for r in records])
    assert len(stream) == len(tokens)
    start, stop = sorted(round(x * len(tokens)) for x in reading)
    out = np.empty(stop - start, np.int64)
    stream.read(start, out)
    assert out.tolist() == tokens[start:stop].tolist()


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_tokens_are_mapped_not_copied(tmp_path, dtype):
    record = write_shard(tmp_path / "s.arrow", np.arange(100_000, dtype=dtype))
    before = pa.total_allocated_bytes()
    tokens = open_shard(tmp_path, record)
    assert pa.total_allocated_bytes() - before < 10_000
    assert tokens.dtype == dtype
    assert not tokens.flags.owndata
    assert not tokens.flags.writeable
    assert tokens[-1] == np.arange(100_000, dtype=dtype)[-1]


def test_a_record_knows_the_file(tmp_path):
    record = write_shard(tmp_path / "s.arrow", np.arange(10, dtype=np.uint16))
    assert record.num_bytes == (tmp_path / "s.arrow").stat().st_size
    verify_file(tmp_path / "s.arrow", record.sha256)
    with pytest.raises(CorpusError, match="its sha256 is 000"):
        verify_file(tmp_path / "s.arrow", "0" * 64)


WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from trainers.data.shards import ShardRecord, open_shard

path = Path(sys.argv[1])
record = ShardRecord(
    file=path.name, tokens=2**20, num_bytes=path.stat().st_size, sha256=""
)
resource.setrlimit(resource.RLIMIT_AS, (1, resource.getrlimit(resource.RLIMIT_AS)[1]))
try:
    open_shard(path.parent, record)
except MemoryError as error:
    print("told of memory:", error)
"""


def test_memory_that_is_refused_is_no_damage(tmp_path):
    """A search would end, with the advice to delete its text."""
    write_shard(tmp_path / "s.arrow", np.zeros(2**20, dtype=np.uint16))
    told = subprocess.run(
        [sys.executable, "-c", WITHOUT_ROOM, str(tmp_path / "s.arrow")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout.startswith("told of memory:"), told.stdout + told.stderr
    assert "s.arrow cannot be mapped" in told.stdout
