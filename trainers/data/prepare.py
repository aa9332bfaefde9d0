"""Prepare a corpus once: found by the digest of specification and content, published atomically.

A cache directory holds

    <digest>/              manifest.json, tokenizer.json (BPE), source0-train-00000.arrow, ...
    <digest>.lock          held while the corpus is made, so that a second process waits for it
    .building-<digest>-*   a corpus being made; renamed when whole, removed on any failure
    known/<looks>.source   digest of a specification whose files looked like this (path, bytes,
                           modification time): saves reading the sources again
    known/<digest>         how the shards looked when their checksums were last verified
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from trainers.data.build import Progress, build_corpus
from trainers.data.corpus import Corpus, open_corpus
from trainers.data.errors import CorpusError
from trainers.data.files import stamp, unreadable
from trainers.data.made_once import make_once
from trainers.data.manifest import FORMAT, MANIFEST_FILE
from trainers.data.origin import Origin, find_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainers.data.spec import CorpusSpec

SETTLED_NS = 2_000_000_000
"""A file younger than this may change again within one tick of its modification time."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def prepare_corpus(
    spec: CorpusSpec,
    cache_directory: Path | str,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> Corpus:
    """Return the corpus of a specification, making it unless the cache has it.

    The same specification and content give the same directory, bit for bit, in whatever process
    and from whatever path. Several processes may call it at once. What is in the cache is opened
    in milliseconds; its checksums are verified again only when a file looks touched.

    Args:
        spec: what to make.
        cache_directory: is made if it is not there.
        progress: called now and then while a corpus is made.

    Raises:
        CorpusError: a source cannot be read or is too small, the cache cannot be written (full
            disk, permissions), or its copy is damaged. Nothing half-made stays.
    """
    cache = Path(cache_directory).expanduser().absolute()
    origins = tuple(map(find_origin, spec.sources))
    with _clear_disk_errors(cache):
        (cache / "known").mkdir(parents=True, exist_ok=True)
        digest, contents = _identify(spec, origins, cache)
        directory = cache / digest
        if not (directory / MANIFEST_FILE).exists():
            contents = contents or tuple(o.content_sha256() for o in origins)
            _make(spec, origins, contents, digest=digest, directory=directory, progress=progress)
        corpus = open_corpus(directory)
        _verify_if_touched(corpus, cache / "known" / digest)
    return corpus


def _identify(
    spec: CorpusSpec, origins: tuple[Origin, ...], cache: Path
) -> tuple[str, tuple[str, ...] | None]:
    """Return the digest; and the sources' content sha256 if they had to be read for it."""
    looks = {"spec": _recipe(spec), "files": [[asdict(s) for s in o.stamps] for o in origins]}
    known = cache / "known" / f"{_digest(looks)}.source"
    if known.exists():
        digest = known.read_text(encoding="ascii").strip()
        if (cache / digest / MANIFEST_FILE).exists():
            return digest, None
    contents = tuple(origin.content_sha256() for origin in origins)
    for origin in origins:
        origin.require_unchanged()
    digest = _digest({"format": FORMAT, "spec": _recipe(spec), "contents": contents})
    newest = max(s.modified_ns for origin in origins for s in origin.stamps)
    if newest + SETTLED_NS < time.time_ns():
        _write_atomically(known, digest)
    return digest, contents


def _recipe(spec: CorpusSpec) -> dict[str, object]:
    """Return what of a specification decides tokens: neither paths nor settings without effect."""
    recipe = asdict(spec)
    recipe["sources"] = [
        {"named": s.name_or_path}
        if s.kind == "named"
        else {"format": s.format, "text_field": s.text_field, "separator": s.separator}
        for s in spec.sources
    ]
    if spec.tokenizer == "bytes":
        del recipe["vocab_size"]
    return recipe


def _make(
    spec: CorpusSpec,
    origins: tuple[Origin, ...],
    contents: tuple[str, ...],
    *,
    digest: str,
    directory: Path,
    progress: Callable[[Progress], None] | None,
) -> None:
    """Make a corpus, unless another process was first."""

    def build(building: Path) -> None:
        build_corpus(spec, origins, contents, digest=digest, directory=building, progress=progress)

    make_once(directory, build)


def _verify_if_touched(corpus: Corpus, marker: Path) -> None:
    names = [name for name, _ in corpus.manifest.files()]
    looks = _digest([asdict(stamp(corpus.directory / name)) for name in names])
    if marker.exists() and marker.read_text(encoding="ascii") == looks:
        return
    corpus.verify()
    _write_atomically(marker, looks)


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="ascii")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


@contextmanager
def _clear_disk_errors(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.filename is not None and not Path(error.filename).is_relative_to(cache):
            raise unreadable(Path(error.filename), error) from error
        if error.errno in FULL:
            law, remedy = "the disk has room for the corpus", "Make room, or take another cache."
        else:
            law, remedy = "the cache directory can be written", "Check it, or take another cache."
        raise CorpusError(
            where=str(error.filename or cache),
            law=law,
            found=f"the system says: {error.strerror or error}; nothing half-made was kept",
            remedy=remedy,
        ) from error
