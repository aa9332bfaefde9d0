"""How large the pages of a Parquet column are, read off their headers before anything is unpacked.

Readers make room for a whole page at once, as large as its header says: a few kilobytes can ask for
two gigabytes. Footer and page headers are structs of Thrift's compact protocol, with fields as in
https://github.com/apache/parquet-format. They are read here, and not by Arrow, whose objects for
the metadata of a column end the process where it contradicts itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER_BYTES = 1 << 12
LONGEST_HEADER_BYTES = 1 << 20
"""With statistics, which may hold long values."""
_TAIL = 8
"""Length of the footer, and `PAR1`."""
_DEEPEST = 16
_TRUE, _FALSE, _BYTE, _INTEGERS, _DOUBLE, _BINARY = 1, 2, 3, {4, 5, 6}, 7, 8
_LISTS, _STRUCT = {9, 10}, 12
_ROW_GROUPS, _COLUMNS, _COLUMN = 4, 1, 3
_PATH, _PACKED, _DATA_PAGES, _DICTIONARY = 3, 7, 9, 11
_PAGE_UNPACKED, _PAGE_PACKED = 2, 3


def page_sizes(file: BinaryIO, column: str) -> Iterator[int]:
    """Yield the unpacked bytes of each page of a column.

    Args:
        file: Open to read.
        column: Its name, at the top of the schema.

    Raises:
        ValueError: The footer or a page header cannot be read.
    """
    try:
        for group in _footer(file)[_ROW_GROUPS]:
            for chunk in group[_COLUMNS]:
                about = chunk[_COLUMN]
                if about[_PATH] == [column.encode()]:
                    yield from _sizes_in(file, about)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"The footer must be one of Parquet, but is not: {error!r}.") from error


def _footer(file: BinaryIO) -> dict[int, Any]:
    end = file.seek(0, os.SEEK_END) - _TAIL
    file.seek(max(0, end))
    length = int.from_bytes(file.read(4), "little")
    file.seek(max(0, end - length))
    try:
        return _Compact(file.read(length)).struct()
    except IndexError:
        raise ValueError("The footer must be whole, but is cut short.") from None


def _sizes_in(file: BinaryIO, about: dict[int, Any]) -> Iterator[int]:
    start = min(about[_DATA_PAGES], about.get(_DICTIONARY) or about[_DATA_PAGES])
    end = start + about[_PACKED]
    while start < end:
        fields, length = _header(file, start)
        packed, unpacked = fields[_PAGE_PACKED], fields[_PAGE_UNPACKED]
        if start < 0 or packed < 0 or unpacked < 0:
            raise ValueError(f"The page at byte {start} must have sizes, but they are negative.")
        yield unpacked
        start += length + packed


def _header(file: BinaryIO, start: int) -> tuple[dict[int, Any], int]:
    """Return the fields of a page header, and its length."""
    length = HEADER_BYTES
    while True:
        file.seek(max(0, start))
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
    """Reads a struct in Thrift's compact protocol; reading beyond the end is an IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the values of the fields by their numbers."""
        values: dict[int, Any] = {}
        field = 0
        while (head := self._byte()) != 0:
            kind, step = head & 15, head >> 4
            field = field + step if step else self._signed()
            is_flag = kind in {_TRUE, _FALSE}  # whose value is their kind
            values[field] = kind == _TRUE if is_flag else self._value(kind, depth + 1)
        return values

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("Metadata must be flat, but is deep.")
        if kind in _INTEGERS:
            return self._signed()
        if kind == _BINARY:
            return self._bytes(self._unsigned())
        if kind == _STRUCT:
            return self.struct(depth)
        if kind in _LISTS:
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._unsigned()
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        if kind in {_TRUE, _FALSE, _BYTE, _DOUBLE}:
            return self._bytes(8 if kind == _DOUBLE else 1)
        raise ValueError(f"Metadata must have known fields, but one is of kind {kind}.")

    def _bytes(self, count: int) -> bytes:
        value = self._data[self.at : self.at + count]
        self.at += count
        if self.at > len(self._data):
            raise IndexError
        return value

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
