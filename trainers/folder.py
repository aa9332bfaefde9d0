"""Folders of whole files: a directory here; elsewhere whatever gives the same guarantees."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of a folder."""

    name: str
    num_bytes: int
    modified: float
    """Seconds since 1970 by the clock of whoever keeps the folder, perhaps whole ones."""


class Folder(Protocol):
    """Files by name, each of them whole: a reader finds the old content or the new one.

    A folder that holds nothing is as good as one that was never made: neither is an error.
    """

    def __truediv__(self, name: str) -> Self:
        """Return the folder of this name in it."""

    def place(self, name: str) -> Path | str:
        """Return where a file is, for people to read."""

    def read(self, name: str) -> bytearray:
        """Return the content of a file.

        Raises:
            FileNotFoundError: There is none of this name.
        """

    def write(self, name: str, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
        """Put the file in the place of what has this name, and return when it is there to stay.

        Raises:
            OSError: The disk is full or not writable; what was there is as it was.
        """

    def delete(self, *names: str) -> None:
        """Delete files; those that are gone already are no error."""

    def entries(self) -> tuple[Entry, ...]:
        """Return its files, sorted by name; those of folders in it do not count."""

    def folders(self) -> tuple[str, ...]:
        """Return the names of the folders in it, sorted."""

    def drop(self, *names: str) -> None:
        """Delete folders in it with all that they hold."""


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A directory. Files are written to a temporary name, flushed to the disk and renamed."""

    path: Path

    def __truediv__(self, name: str) -> LocalFolder:
        return LocalFolder(self.path / name)

    def place(self, name: str) -> Path:
        """Return the path of a file."""
        return self.path / name

    def read(self, name: str) -> bytearray:
        """Return the content of a file."""
        with (self.path / name).open("rb", buffering=0) as file:
            data = bytearray(os.fstat(file.fileno()).st_size)
            view = memoryview(data)
            while view and (count := file.readinto(view)):
                view = view[count:]
            return data

    def write(self, name: str, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
        """Write to a temporary name, flush to disk, rename, flush the directory."""
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / f".{name}.{secrets.token_hex(4)}"
        try:
            with temporary.open("wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def delete(self, *names: str) -> None:
        """Delete files."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def entries(self) -> tuple[Entry, ...]:
        """Return the files, those under a temporary name too."""
        found: list[Entry] = []
        for entry in self._listed():
            try:
                if entry.is_file():
                    status = entry.stat()
                    found.append(
                        Entry(name=entry.name, num_bytes=status.st_size, modified=status.st_mtime)
                    )
            except FileNotFoundError:  # it has just gone
                continue
        return tuple(found)

    def folders(self) -> tuple[str, ...]:
        """Return the names of the directories in it."""
        return tuple(entry.name for entry in self._listed() if entry.is_dir())

    def drop(self, *names: str) -> None:
        """Delete directories in it."""
        for name in names:
            shutil.rmtree(self.path / name, ignore_errors=True)

    def _listed(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:
            return []


def folder_of(directory: Path | Folder) -> Folder:
    """Return a path as the folder that it is."""
    return LocalFolder(directory) if isinstance(directory, Path) else directory
