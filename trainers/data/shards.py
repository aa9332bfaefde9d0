"""Shards: tokens in Arrow IPC files of one record batch each, memory-mapped without a copy."""

from __future__ import annotations

import errno
import hashlib
import io
import mmap
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from trainers.data.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

COLUMN = "tokens"
SHARD_TOKENS = 1 << 24
"""Tokens in a full shard: 32 MiB as uint16, the most that writing keeps in memory a split."""

Tokens = np.ndarray[tuple[int], np.dtype[np.uint16 | np.uint32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRecord:
    """A shard as the manifest knows it."""

    file: str
    tokens: int
    num_bytes: int
    sha256: str


class ShardWriter:
    """Write one split of one source as shards `<stem>-00000.arrow`, ... of equal length."""

    def __init__(self, directory: Path, stem: str, *, shard_tokens: int = SHARD_TOKENS) -> None:
        self._directory = directory
        self._stem = stem
        self._shard_tokens = shard_tokens
        self._pending: list[Tokens] = []
        self._pending_tokens = 0
        self._records: list[ShardRecord] = []

    def append(self, tokens: Tokens) -> None:
        """Add tokens; full shards go to disk."""
        self._pending.append(tokens)
        self._pending_tokens += len(tokens)
        while self._pending_tokens >= self._shard_tokens:
            self._flush(self._shard_tokens)

    def finish(self) -> tuple[ShardRecord, ...]:
        """Write what is left and return the records."""
        if self._pending_tokens:
            self._flush(self._pending_tokens)
        return tuple(self._records)

    def _flush(self, count: int) -> None:
        joined = np.concatenate(self._pending)
        self._pending = [joined[count:]]
        self._pending_tokens -= count
        path = self._directory / f"{self._stem}-{len(self._records):05d}.arrow"
        self._records.append(write_shard(path, joined[:count]))


class _HashingFile(io.RawIOBase):
    """A file that knows the sha256 of what was written to it."""

    def __init__(self, file: io.FileIO | io.BufferedWriter) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.num_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]  # Arrow passes bytes
        self._file.write(data)
        self.sha256.update(data)
        self.num_bytes += len(data)
        return len(data)


def write_shard(path: Path, tokens: Tokens) -> ShardRecord:
    """Write a shard, to the disk itself, and return its record."""
    batch = pa.record_batch([pa.array(tokens)], names=[COLUMN])
    with path.open("wb") as file:
        sink = _HashingFile(file)
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())
        return ShardRecord(
            file=path.name,
            tokens=len(tokens),
            num_bytes=sink.num_bytes,
            sha256=sink.sha256.hexdigest(),
        )


def open_shard(directory: Path, record: ShardRecord) -> Tokens:
    """Map a shard into memory; costs the same whatever its length.

    Raises:
        CorpusError: it is missing, has another length than the manifest says, or is no Arrow file.
        MemoryError: there is no room for it among this process's addresses; the file is well.
    """
    path = directory / record.file
    try:
        found_bytes = path.stat().st_size
    except OSError as error:
        raise damaged(path, "the manifest's shards are there", f"{error.strerror}") from error
    if found_bytes != record.num_bytes:
        raise damaged(path, f"it has {record.num_bytes} bytes", f"it has {found_bytes}")
    try:
        batch = pa.ipc.open_file(pa.py_buffer(_mapped(path))).get_batch(0)
        tokens: Tokens = batch.column(COLUMN).to_numpy(zero_copy_only=True)
    except MemoryError:
        raise
    except (pa.ArrowException, KeyError, OSError, ValueError, AttributeError) as error:
        raise damaged(path, "it is an Arrow file with tokens", f"Arrow says: {error}") from error
    if tokens.dtype not in (np.uint16, np.uint32):
        raise damaged(path, "it holds tokens", f"it holds {tokens.dtype}")
    if len(tokens) != record.tokens:
        raise damaged(path, f"it holds {record.tokens} tokens", f"it holds {len(tokens)}")
    return tokens


def _mapped(path: Path) -> mmap.mmap:
    """Map a file; by Python, for Arrow's error does not tell memory that is refused from damage."""
    with path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            if error.errno == errno.ENOMEM:
                raise MemoryError(f"{path} cannot be mapped: {error.strerror}") from error
            raise


def verify_file(path: Path, sha256: str) -> None:
    """Read a whole file and compare.

    Raises:
        CorpusError: its checksum is another one.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise damaged(path, "the manifest's files are there", f"{error.strerror}") from error
    if found != sha256:
        raise damaged(path, f"its sha256 is {sha256[:12]}...", f"it is {found[:12]}...")


class TokenStream:
    """The tokens of one split of one source, as if its shards were one array."""

    def __init__(self, shards: Sequence[Tokens]) -> None:
        self._shards = tuple(shards)
        self._ends = np.cumsum([len(s) for s in shards], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def whole(self) -> Tokens:
        """Return all tokens in one array; a split without any has an empty one."""
        return np.concatenate(self._shards) if self._shards else np.empty(0, np.uint16)

    def read(self, start: int, out: NDArray[np.int64]) -> None:
        """Fill `out` with the tokens from `start` on, which must be there."""
        filled = 0
        index = int(np.searchsorted(self._ends, start, side="right")) if start else 0
        while filled < len(out):
            shard = self._shards[index]
            begin = start + filled - (int(self._ends[index]) - len(shard))
            piece = shard[begin : begin + len(out) - filled]
            out[filled : filled + len(piece)] = piece
            filled += len(piece)
            index += 1


def damaged(path: Path, law: str, found: str) -> CorpusError:
    """Say that a prepared corpus is not what its manifest says."""
    return CorpusError(
        where=str(path),
        law=law,
        found=found,
        remedy=f"The copy is damaged: delete {path.parent}; it is made again from the sources.",
    )
