"""The files of a source: a file, a directory read recursively, or a glob."""

from __future__ import annotations

import glob
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainers.data.errors import CorpusError

if TYPE_CHECKING:
    from trainers.data.spec import FileFormat, SourceSpec

SUFFIXES: dict[FileFormat, tuple[str, ...]] = {
    "text": (".txt", ".text", ".md"),
    "jsonl": (".jsonl", ".ndjson"),
    "parquet": (".parquet",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStamp:
    """What tells, without reading, that a file is still the one that was read."""

    path: str
    num_bytes: int
    modified_ns: int


def find_files(source: SourceSpec) -> tuple[Path, ...]:
    """Return the files of a file source, sorted by path.

    In a directory or a glob, files of other formats and hidden ones do not count.

    Raises:
        CorpusError: nothing is there, or no file has a suffix that `format` reads.
    """
    root = Path(source.name_or_path).expanduser()
    if root.is_file():
        return (root,)
    if root.is_dir():
        candidates = [p for p in root.rglob("*") if not _is_hidden(p.relative_to(root))]
    else:
        candidates = [Path(p) for p in glob.glob(str(root), recursive=True)]  # noqa: PTH207 - absolute patterns
    candidates = sorted(p for p in candidates if p.is_file())
    if not candidates:
        raise CorpusError(
            where=source.name_or_path,
            law="a source is a file, a directory with files, or a glob that matches some",
            found="there is no such file" if not root.is_dir() else "the directory is empty",
            remedy=f"Check the path (the working directory is {Path.cwd()}).",
        )
    if source.format != "auto":
        wanted = SUFFIXES[source.format]
        chosen = [p for p in candidates if p.suffix.lower() in wanted] or candidates
    else:
        wanted = tuple(s for suffixes in SUFFIXES.values() for s in suffixes)
        chosen = [p for p in candidates if p.suffix.lower() in wanted]
    if not chosen:
        raise CorpusError(
            where=source.name_or_path,
            law=f"files have one of the suffixes {' '.join(wanted)}",
            found=f"none of {len(candidates)} has, the first is {candidates[0].name}",
            remedy="Name the format: `format: text`, `jsonl` or `parquet`.",
        )
    return tuple(chosen)


def format_of(path: Path, source: SourceSpec) -> FileFormat:
    """Return how a file is read: as the source says, else by suffix."""
    if source.format != "auto":
        return source.format
    for name, suffixes in SUFFIXES.items():
        if path.suffix.lower() in suffixes:
            return name
    raise CorpusError(
        where=str(path),
        law=f"`format: auto` knows {' '.join(s for many in SUFFIXES.values() for s in many)}",
        found=f"the suffix is {path.suffix!r}",
        remedy="Name the format: `format: text`, `jsonl` or `parquet`.",
    )


def stamp(path: Path) -> FileStamp:
    """Look at a file without reading it."""
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    return FileStamp(
        path=str(path.absolute()), num_bytes=status.st_size, modified_ns=status.st_mtime_ns
    )


def content_sha256(path: Path) -> str:
    """Return the sha256 of a file's content, in hex."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> CorpusError:
    """Say that a file of a source cannot be read."""
    return CorpusError(
        where=str(path),
        law="files of a source can be read",
        found=f"the system says: {error.strerror or error}",
        remedy="Check the file and its permissions.",
    )


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)
