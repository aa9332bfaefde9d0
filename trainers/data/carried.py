"""Prepared corpora in a folder that all machines reach: put there once, fetched to each cache.

`<folder>/<digest>/` holds the files of a prepared corpus as they are on disk; the manifest is
written last, so where it is the rest is, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trainers.data.build import sync
from trainers.data.corpus import Corpus, open_corpus
from trainers.data.errors import CorpusError
from trainers.data.made_once import make_once
from trainers.data.manifest import MANIFEST_FILE, read_manifest
from trainers.data.shards import verify_file

if TYPE_CHECKING:
    from trainers.folder import Folder


def is_prepared(directory: Path) -> bool:
    """Return whether a directory holds a prepared corpus, whole."""
    return (directory / MANIFEST_FILE).exists()


def is_stored(folder: Folder, digest: str) -> bool:
    """Return whether a prepared corpus is in the folder, whole."""
    return MANIFEST_FILE in {entry.name for entry in (folder / digest).entries()}


def store_corpus(corpus: Corpus, folder: Folder) -> None:
    """Put a prepared corpus into the folder unless it is there."""
    if is_stored(folder, corpus.digest):
        return
    place = folder / corpus.digest
    for name in (*(name for name, _ in corpus.manifest.files()), MANIFEST_FILE):
        place.write(name, [(corpus.directory / name).read_bytes()])


def fetch_corpus(folder: Folder, digest: str, cache_directory: Path | str) -> Corpus:
    """Open a prepared corpus in the cache of this machine, fetched if it is not there.

    Several processes may call it at once: one fetches, the others wait for it.

    Args:
        folder: Where `store_corpus` put it.
        digest: Of the corpus.
        cache_directory: As of `prepare_corpus`; is made if it is not there.

    Raises:
        CorpusError: It is not in the folder, or what came is not what was put there.
    """
    cache = Path(cache_directory).expanduser().absolute()
    directory = cache / digest
    if not is_prepared(directory):
        cache.mkdir(parents=True, exist_ok=True)
        make_once(directory, lambda building: _fetch(folder / digest, digest, building))
    return open_corpus(directory)


def _fetch(place: Folder, digest: str, into: Path) -> None:
    def fetch(name: str) -> Path:
        try:
            content = place.read(name)
        except FileNotFoundError as error:
            raise CorpusError(
                where=str(place.place(name)),
                law="the prepared text of a search is kept with it, whole",
                found="this file is missing",
                remedy="Delete the directory it is in: going on with the search stores it again.",
            ) from error
        (into / name).write_bytes(content)
        sync(into / name)
        return into / name

    fetch(MANIFEST_FILE)
    manifest = read_manifest(into)
    if manifest.digest != digest:
        raise CorpusError(
            where=str(place.place(MANIFEST_FILE)),
            law=f"it is the manifest of {digest}",
            found=f"it is that of {manifest.digest}",
            remedy="Delete the directory it is in: going on with the search stores it again.",
        )
    for name, sha256 in manifest.files():
        verify_file(fetch(name), sha256)
    sync(into)
