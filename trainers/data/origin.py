"""A source with its files found and its content identified."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainers.data.documents import read_documents
from trainers.data.errors import CorpusError
from trainers.data.files import FileStamp, content_sha256, find_files, stamp
from trainers.data.resolve import find_named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trainers.data.spec import SourceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A source whose files were found. `stamps` tell later whether one of them changed."""

    spec: SourceSpec
    files: tuple[Path, ...]
    stamps: tuple[FileStamp, ...]
    licence: str
    origin: str

    @property
    def num_bytes(self) -> int:
        """Bytes of the files."""
        return sum(s.num_bytes for s in self.stamps)

    def documents(self) -> Iterator[str]:
        """Yield the documents in their fixed order, empty ones included."""
        if self.spec.kind == "named":
            return find_named(self.spec.name_or_path).read(self.files)
        return read_documents(self.files, self.spec)

    def content_sha256(self) -> str:
        """Read the files and return the sha256 over their sha256, in order."""
        return hashlib.sha256("".join(map(content_sha256, self.files)).encode()).hexdigest()

    def require_unchanged(self) -> None:
        """Check that no file changed since it was found.

        Raises:
            CorpusError: one did.
        """
        for path, before in zip(self.files, self.stamps, strict=True):
            if stamp(path) != before:
                raise CorpusError(
                    where=str(path),
                    law="the files of a source stay as they are while it is prepared",
                    found="it changed",
                    remedy="Run again when nothing writes to it.",
                )


def find_origin(spec: SourceSpec) -> Origin:
    """Find the files of a source.

    Raises:
        CorpusError: see `find_files`; or the named corpus is unknown or not installed.
    """
    if spec.kind == "named":
        corpus = find_named(spec.name_or_path)
        files, licence, origin = corpus.locate(), corpus.licence, corpus.origin
    else:
        files, licence, origin = find_files(spec), "not stated", "the user's files"
    return Origin(
        spec=spec,
        files=files,
        stamps=tuple(map(stamp, files)),
        licence=licence,
        origin=origin,
    )
