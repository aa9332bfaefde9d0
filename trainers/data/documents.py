"""Documents of text, JSONL and Parquet files, one after another, in bounded memory."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from trainers.data.errors import CorpusError
from trainers.data.files import format_of, unreadable
from trainers.data.parquet_pages import page_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from trainers.data.spec import SourceSpec

DOCUMENT_CHARACTERS = 8192
"""A text file without a separator is cut at the first blank line after so many characters."""
LONGEST_FACTOR = 8
"""Where so many times more have no blank line, at the first line end; where no line end, there."""
READ_BYTES = 1 << 20
PARQUET_ROWS = 1024
LARGEST_PAGE_BYTES = 1 << 28
"""What is read of a Parquet file at once; writers' pages have about 2^20."""
BYTE_ORDER_MARK = "\ufeff"


def read_documents(files: Iterable[Path], source: SourceSpec) -> Iterator[str]:
    """Yield the documents of files in order.

    Raises:
        CorpusError: a file is unreadable, empty, not UTF-8 (names the byte offset), has a line
            that is not JSON (names the line), or lacks the field or column.
    """
    for path in files:
        if path.stat().st_size == 0:
            raise CorpusError(
                where=str(path),
                law="a file of a source holds text",
                found="it is empty",
                remedy="Fill it, or take it out of the source.",
            )
        match format_of(path, source):
            case "jsonl":
                documents = read_jsonl(path, field=source.text_field)
            case "parquet":
                documents = read_parquet(path, column=source.text_field)
            case _ if source.separator is None:
                documents = cut_at_paragraphs(read_text(path))
            case _:
                documents = cut_at_separator(read_text(path), source.separator)
        try:
            yield from documents
        except OSError as error:
            raise unreadable(path, error) from error


def read_text(path: Path) -> Iterator[str]:
    """Yield a UTF-8 file in pieces, without its byte order mark."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    consumed, is_first = 0, True
    with path.open("rb") as file:
        while True:
            block = file.read(READ_BYTES)
            held_back = len(decoder.getstate()[0])
            try:
                piece = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise not_utf8(path, consumed - held_back, error) from error
            consumed += len(block)
            if is_first:
                piece, is_first = piece.removeprefix(BYTE_ORDER_MARK), False
            if piece:
                yield piece
            if not block:
                return


def cut_at_paragraphs(
    pieces: Iterable[str], *, shortest: int = DOCUMENT_CHARACTERS
) -> Iterator[str]:
    """Cut text into documents at blank lines; the cuts do not depend on how the pieces came."""
    buffer = ""
    for piece in pieces:
        buffer += piece
        start = 0
        while (end := _paragraph_end(buffer, start, shortest)) is not None:
            yield buffer[start:end]
            start = end
        buffer = buffer[start:]
    if buffer:
        yield buffer


def cut_at_separator(pieces: Iterable[str], separator: str) -> Iterator[str]:
    """Cut text into documents at each separator, which belongs to none of them."""
    buffer = ""
    for piece in pieces:
        searched = max(0, len(buffer) - len(separator) + 1)
        buffer += piece
        if buffer.find(separator, searched) < 0:
            continue
        *whole, buffer = buffer.split(separator)
        yield from whole
    yield buffer


def read_jsonl(path: Path, *, field: str) -> Iterator[str]:
    """Yield one field of each line of a JSON Lines file; blank lines do not count."""
    offset = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            where = f"{path}:{number}"
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise not_utf8(path, offset, error) from error
            offset += len(raw)
            if number == 1:
                line = line.removeprefix(BYTE_ORDER_MARK)
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _bad_row(where, "a line is one JSON object", f"it is not: {error}") from error
            if not isinstance(row, dict) or field not in row:
                found = f"has {', '.join(row)}" if isinstance(row, dict) else "is no object"
                raise _bad_row(where, f"a line is an object with a field `{field}`", f"it {found}")
            text = row[field]
            if not isinstance(text, str):
                raise _bad_row(where, f"`{field}` is a string", f"it is {type(text).__name__}")
            if _has_surrogate(text):
                raise _bad_row(where, "text is Unicode", "it has an unpaired surrogate \\ud800...")
            yield text


def read_parquet(path: Path, *, column: str) -> Iterator[str]:
    """Yield one column of a Parquet file, a batch of rows at a time."""
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if column not in names:
                raise CorpusError(
                    where=str(path),
                    law=f"a Parquet file has a column `{column}`",
                    found=f"it has {', '.join(names)}",
                    remedy="Name the column: `text_field: ...`.",
                )
            _require_strings(path, column, file.schema_arrow.field(column).type)
            rows = _rows_at_once(path, column)
            row = 0
            for batch in file.iter_batches(batch_size=rows, columns=[column]):
                for text in batch.column(0).to_pylist():
                    if not isinstance(text, str):
                        found = f"row {row} is {type(text).__name__}"
                        raise _bad_row(f"{path}, column {column}", "every row is a string", found)
                    yield text
                    row += 1
    except (pa.ArrowException, UnicodeDecodeError, OverflowError) as error:
        raise _no_parquet(path, f"Arrow says: {error}") from error


def _require_strings(path: Path, column: str, kind: pa.DataType) -> None:
    held = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(held) or pa.types.is_large_string(held)):
        raise _bad_row(f"{path}, column {column}", "every row is a string", f"rows are {kind}")


def _rows_at_once(path: Path, column: str) -> int:
    """Return how many rows fit in memory, none of which is longer than the largest page.

    Raises:
        CorpusError: a page is too large, or its header cannot be read.
    """
    try:
        with path.open("rb") as file:
            largest = max(page_sizes(file, column), default=1)
    except ValueError as error:
        raise _no_parquet(path, f"{error}".removesuffix(".")) from error
    if largest > LARGEST_PAGE_BYTES:
        raise CorpusError(
            where=f"{path}, column {column}",
            law=f"a page of a Parquet file has at most {LARGEST_PAGE_BYTES} bytes",
            found=f"one would unpack to {largest}",
            remedy="Write it again with pages of the usual size, about a megabyte.",
        )
    return max(1, min(PARQUET_ROWS, LARGEST_PAGE_BYTES // max(1, largest)))


def _no_parquet(path: Path, found: str) -> CorpusError:
    return CorpusError(
        where=str(path),
        law="a .parquet file is a Parquet file",
        found=found,
        remedy="Write it again, or name its format: `format: text` or `jsonl`.",
    )


def not_utf8(path: Path, start: int, error: UnicodeDecodeError) -> CorpusError:
    """Name the first byte of a file that is not UTF-8; `start`: offset of the decoded block."""
    return CorpusError(
        where=str(path),
        law="text is UTF-8",
        found=f"byte {start + error.start} is 0x{error.object[error.start]:02x} ({error.reason})",
        remedy="Convert it, for example `iconv -f latin1 -t utf-8`.",
    )


def _paragraph_end(buffer: str, start: int, shortest: int) -> int | None:
    earliest, latest = start + shortest, start + LONGEST_FACTOR * shortest
    blank = buffer.find("\n\n", earliest, latest)
    if blank >= 0:
        return blank + 2
    if len(buffer) < latest:
        return None
    line_end = buffer.find("\n", earliest, latest)
    return line_end + 1 if line_end >= 0 else latest


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)


def _bad_row(where: str, law: str, found: str) -> CorpusError:
    return CorpusError(
        where=where, law=law, found=found, remedy="Mend it, or name another `text_field`."
    )
