"""How large the pages of a Parquet column are, read off their headers before anything is unpacked.

Readers make room for a whole page at once, as large as its header says: a few kilobytes can ask for
two gigabytes. A page header is a struct of Thrift's compact protocol
(https://github.com/apache/parquet-format, `PageHeader`): its fields 2 and 3 are the sizes of the
page, unpacked and as it lies in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER_BYTES = 1 << 12
LONGEST_HEADER_BYTES = 1 << 20
"""With statistics, which may hold long values."""
_DEEPEST = 8
_BOOLEANS, _BYTE, _INTEGERS, _DOUBLE, _BINARY = {1, 2}, 3, {4, 5, 6}, 7, 8
_LISTS, _STRUCT = {9, 10}, 12


def page_sizes(file: BinaryIO, metadata: Any, column: str) -> Iterator[int]:
    """Yield the unpacked bytes of each page of a column.

    Args:
        file: Open to read.
        metadata: Of the file, as `pyarrow.parquet.ParquetFile.metadata`.
        column: Its path in the schema.

    Raises:
        ValueError: A page header cannot be read.
    """
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        for at in range(rows.num_columns):
            chunk = rows.column(at)
            if chunk.path_in_schema == column:
                yield from _sizes_in(file, chunk)


def _sizes_in(file: BinaryIO, chunk: Any) -> Iterator[int]:
    starts = (chunk.dictionary_page_offset, chunk.data_page_offset)
    start = min(offset for offset in starts if offset is not None)
    end = start + chunk.total_compressed_size
    while start < end:
        fields, length = _header(file, start)
        packed, unpacked = fields.get(3, -1), fields.get(2, -1)
        if packed < 0 or unpacked < 0:
            raise ValueError(f"The page at byte {start} must have sizes, but its header has none.")
        yield unpacked
        start += length + packed


def _header(file: BinaryIO, start: int) -> tuple[dict[int, int], int]:
    """Return the whole numbers of a page header by field, and its length."""
    length = HEADER_BYTES
    while True:
        file.seek(start)
        data = file.read(length)
        reader = _Compact(data)
        try:
            return reader.struct(), reader.at
        except IndexError:
            if len(data) < length or length >= LONGEST_HEADER_BYTES:
                told = f"The page header at byte {start} must end, but does not."
                raise ValueError(told) from None
            length *= 16


class _Compact:
    """Reads whole numbers of a struct in Thrift's compact protocol, and passes over the rest.

    Reading beyond the end is an IndexError.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def struct(self, depth: int = 0) -> dict[int, int]:
        """Return the whole numbers among the fields."""
        if depth > _DEEPEST:
            raise ValueError("A page header must be flat, but is deep.")
        numbers: dict[int, int] = {}
        field = 0
        while (head := self._byte()) != 0:
            kind, step = head & 15, head >> 4
            field = field + step if step else self._signed()
            if kind in _INTEGERS:
                numbers[field] = self._signed()
            elif kind not in _BOOLEANS:  # whose value is their kind
                self._pass(kind, depth)
        return numbers

    def _pass(self, kind: int, depth: int) -> None:
        if kind in _BOOLEANS or kind == _BYTE:
            self._skip(1)
        elif kind in _INTEGERS:
            self._signed()
        elif kind == _DOUBLE:
            self._skip(8)
        elif kind == _BINARY:
            self._skip(self._unsigned())
        elif kind in _LISTS:
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._unsigned()
            for _ in range(count):
                self._pass(head & 15, depth + 1)
        elif kind == _STRUCT:
            self.struct(depth + 1)
        else:
            raise ValueError(f"A page header must have known fields, but one is of kind {kind}.")

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self._data):
            raise IndexError

    def _byte(self) -> int:
        value = self._data[self.at]
        self.at += 1
        return value

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("A number must have 64 bits, but has more.")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
