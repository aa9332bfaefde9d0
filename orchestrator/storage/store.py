"""A folder of an object store, over `pyarrow.fs`: S3, Google Cloud Storage, Azure, HDFS.

An object appears whole or not at all, and is there to stay when writing it returns: what a
directory needs a temporary name, a flush and a rename for is one request here. Objects cannot be
appended to, locked or renamed: nothing in masga asks for it.
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from orchestrator.storage.patience import patience_seconds, patiently
from orchestrator.storage.place import Place
from trainers.folder import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trainers.folder import Folder

_T = TypeVar("_T")
_AT_ONCE = 8
"""Objects that are deleted at the same time."""


@dataclass(frozen=True, slots=True)
class Store:
    """A `Folder` at a place. Pickles as what it is; each process has connections of its own."""

    at: Place
    patience_seconds: float

    @classmethod
    def open(cls, uri: str, *, where: str) -> Self:
        """Return the folder of a URI; nothing is asked of the store yet.

        Raises:
            UserError: The URI is none, or has credentials in it.
        """
        return cls(Place.parse(uri, where=where), patience_seconds())

    def __truediv__(self, name: str) -> Self:
        return replace(self, at=self.at / name)

    def __str__(self) -> str:
        return str(self.at)

    def place(self, name: str) -> str:
        """Return the URI of an object."""
        return str(self.at / name)

    def read(self, name: str) -> bytearray:
        """Return the content of an object."""

        def act() -> bytearray:
            with self._files.open_input_file(self._path(name)) as file:
                data = bytearray(file.size())
                view = memoryview(data)
                while view and (count := file.readinto(view)):
                    view = view[count:]
            if view:
                raise OSError(f"{len(view)} bytes of {len(data)} did not come")
            return data

        return self._patiently(name, act)

    def write(self, name: str, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
        """Put an object in the place of what has this name."""
        content = list(pieces)

        def act() -> None:
            with self._files.open_output_stream(self._path(name)) as file:
                for piece in content:
                    file.write(piece)

        self._patiently(name, lambda: _uninterrupted(act))

    def delete(self, *names: str) -> None:
        """Delete objects, several at a time."""
        self._delete(names, lambda path: self._files.delete_file(path))  # noqa: PLW0108 - connects late

    def entries(self) -> tuple[Entry, ...]:
        """Return its objects."""
        return tuple(
            Entry(
                name=found.base_name,
                num_bytes=found.size,
                modified=(found.mtime_ns or 0) / 1e9,
            )
            for found in self._listed()
            if found.is_file and found.base_name
        )

    def tree(self) -> tuple[Entry, ...]:
        """Return all objects below it, named by their paths from here."""
        start = len(self._path("")) + 1
        return tuple(
            Entry(
                name=found.path[start:], num_bytes=found.size, modified=(found.mtime_ns or 0) / 1e9
            )
            for found in self._listed(recursive=True)
            if found.is_file and found.base_name
        )

    def folders(self) -> tuple[str, ...]:
        """Return the names of the folders in it."""
        return tuple(found.base_name for found in self._listed() if not found.is_file)

    def drop(self, *names: str) -> None:
        """Delete all objects below folders."""
        self._delete(names, lambda path: self._files.delete_dir(path))  # noqa: PLW0108 - connects late

    def _delete(self, names: Sequence[str], act: Callable[[str], None]) -> None:
        def delete(name: str) -> None:
            try:
                self._patiently(name, lambda: act(self._path(name)))
            except FileNotFoundError:
                return

        if len(names) <= 1:
            for name in names:
                delete(name)
            return
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="store-delete") as pool:
            list(pool.map(delete, names))

    def _listed(self, *, recursive: bool = False) -> list[Any]:
        from pyarrow.fs import FileSelector  # noqa: PLC0415 - slow, and only a store needs it

        selector = FileSelector(self._path(""), allow_not_found=True, recursive=recursive)
        found: list[Any] = self._patiently("", lambda: self._files.get_file_info(selector))
        return sorted(found, key=lambda info: info.path)

    @property
    def _files(self) -> Any:
        return _file_system(self.at.scheme, self.at.bucket, self.at.query)

    def _path(self, name: str) -> str:
        at = self.at / name if name else self.at
        return f"{at.bucket.rpartition('@')[2]}/{at.path}".rstrip("/")

    def _patiently(self, name: str, act: Callable[[], _T]) -> _T:
        return patiently(
            act,
            store=f"{self.at.scheme}://{self.at.bucket}",
            where=self.place(name) if name else str(self.at),
            seconds=self.patience_seconds,
        )


def hasty(folder: Folder) -> Folder:
    """Return the folder as one that says at once when its store is away."""
    return replace(folder, patience_seconds=0.0) if isinstance(folder, Store) else folder


def _uninterrupted(act: Callable[[], None]) -> None:
    """Do something to its end even when Ctrl-C comes: in a thread, which Ctrl-C does not reach.

    A stream of `pyarrow` that is left early publishes what was written to it so far; a request
    that failed does not.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="store-write") as pool:
        pool.submit(act).result()


@functools.cache
def _file_system(scheme: str, bucket: str, query: str) -> Any:
    """Connect; called within `patiently`, for the region of a bucket may be asked for."""
    from pyarrow.fs import FileSystem  # noqa: PLC0415 - slow, and only a store needs it

    if scheme == "s3" and "allow_delayed_open" not in query:
        # a small object is then one request instead of three
        query = f"{query}&allow_delayed_open=true".lstrip("&")
    files, _ = FileSystem.from_uri(f"{scheme}://{bucket}{f'?{query}' if query else ''}")
    return files
