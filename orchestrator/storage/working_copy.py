"""Searches kept in an object store, as the directories that everything else reads.

The driver, and every command that is given the URI of a search, works in a directory below the
cache: the working copy. A file in it, `.origin.json`, says whose copy it is. Its log and run file
are brought up to date when a command begins; checkpoints are read straight from the store; what is
made in it (report, exports, certificates) is put there too. It may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.cache import cache_directory
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, is_being_written
from orchestrator.storage.claims import EVENTS, is_claimed
from orchestrator.storage.place import is_remote, local_path
from orchestrator.storage.restoring import restore
from orchestrator.storage.store import Store
from trainers.folder import LocalFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trainers.folder import Folder

ORIGIN = ".origin.json"
RUN_FILE = "run.yaml"
_LOCK = ".origin.lock"
OF_COPY = (ORIGIN, _LOCK)
"""Files that a working copy has and a search's own directory has not."""
_CERTIFICATE = re.compile(r"certificate-[1-9][0-9]*")


def origin_of(directory: Path) -> Store | None:
    """Return the folder that a directory, or one above it, is the working copy of; none: no copy.

    Raises:
        UserError: It says that it is one, but not of what.
    """
    directory = directory.absolute()
    for above in (directory, *directory.parents):
        marker = above / ORIGIN
        if marker.is_file():
            try:
                uri = json.loads(marker.read_bytes())["uri"]
            except (ValueError, KeyError, TypeError):
                raise UserError(
                    where=str(marker),
                    law="it names the store that this directory is a copy of",
                    found="something else",
                    remedy=f"Delete {above} and give the URI of the search again.",
                ) from None
            store = Store.open(uri, where=str(marker))
            for name in directory.relative_to(above).parts:
                store /= name
            return store
    return None


def copy_of(store: Store) -> Path:
    """Return where the working copy of a search is, made or not."""
    at = store.at.parent
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{at.scheme}-{at.bucket}-{at.path}").strip("-")
    digest = hashlib.sha256(str(at).encode()).hexdigest()[:8]
    return cache_directory() / "stores" / f"{slug[:60]}-{digest}" / store.at.name


def make_copy(store: Store) -> Path:
    """Return the working copy of a search, made if need be, not brought up to date."""
    directory = copy_of(store)
    marker = directory / ORIGIN
    if not marker.exists():
        directory.mkdir(parents=True, exist_ok=True)
        LocalFolder(directory).write(ORIGIN, [json.dumps({"uri": str(store)}).encode()])
    return directory


def arrive(name: str | Path, *, where: str = "directory of the search") -> Path:
    """Return the directory of a search that a user named: its own, or its working copy, refreshed.

    Args:
        name: A path, or a URI.
        where: The argument that it was given for.

    Raises:
        UserError: The URI is none, leads to no search, or its store does not answer.
    """
    if not is_remote(name):
        directory = local_path(name)
        refresh(directory)
        return directory
    store = Store.open(str(name), where=where)
    if not (store / EVENTS).entries():
        raise UserError(
            where=str(name),
            law=f"a search keeps its log below this, in {EVENTS}/",
            found="nothing there",
            remedy="Give the URI of a search (the one that 'masga search' printed).",
        )
    directory = make_copy(store)
    refresh(directory)
    return directory


def searches_in(name: str) -> tuple[Path, ...]:
    """Return the searches at a URI: that one, or those in the folder that it names.

    Raises:
        UserError: There is none.
    """
    store = Store.open(name, where="directory of searches")
    inner = () if (store / EVENTS).entries() else store.folders()
    found = [store / below for below in inner if ((store / below) / EVENTS).entries()]
    return tuple(arrive(str(search)) for search in found) or (arrive(name),)


def refresh(directory: Path) -> None:
    """Bring a working copy up to date; any other directory is so.

    Where a search on this machine writes it at this moment, it is so, too.
    """
    if not (directory / ORIGIN).is_file():
        return
    store = origin_of(directory)
    assert store is not None
    with locked(directory):
        if not is_being_written(directory / LOG_NAME):
            restore(store / EVENTS, directory / LOG_NAME)
            with contextlib.suppress(FileNotFoundError):
                (directory / RUN_FILE).write_bytes(store.read(RUN_FILE))
        for name in filter(_CERTIFICATE.fullmatch, store.folders()):
            certificate = directory / name
            certificate.mkdir(exist_ok=True)
            if not is_being_written(certificate / LOG_NAME):
                restore(store / name / EVENTS, certificate / LOG_NAME)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Let nobody else on this machine bring the same working copy up to date meanwhile."""
    with (directory / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def shown(directory: Path) -> str:
    """Return how a directory is named to users: a working copy by its URI."""
    store = origin_of(directory)
    return str(directory) if store is None else str(store)


def checkpoints_in(directory: Path) -> Folder:
    """Return where the checkpoints of a search or a certification are."""
    return (origin_of(directory) or LocalFolder(directory)) / "checkpoints"


def snapshots_in(directory: Path) -> Folder:
    """Return where snapshots of a search's state are."""
    return (origin_of(directory) or LocalFolder(directory)) / "snapshots"


def corpora_of(directory: Path) -> Folder | None:
    """Return where prepared text lies beside a search in a store; none: it is not in one."""
    for above in (directory.absolute(), *directory.absolute().parents):
        if (above / ORIGIN).is_file():
            store = origin_of(above)
            assert store is not None
            return replace(store, at=store.at.parent / "corpus")
    return None


def has_writer(log: Path) -> bool:
    """Return whether a process writes this log, on this machine or anywhere: its search runs."""
    if is_being_written(log):
        return True
    store = origin_of(log.parent)
    return store is not None and is_claimed(store)


def publish(path: Path) -> None:
    """Put a file or directory that was made in a working copy into its store; else do nothing.

    Raises:
        UserError: The store does not take it.
    """
    store = origin_of(path.parent)
    if store is not None:
        upload(path, store)


def upload(path: Path, store: Store) -> None:
    """Put a file, or a directory with all that it holds, into a folder under its own name."""
    if path.is_dir():
        for below in sorted(path.iterdir()):
            upload(below, store / path.name)
    else:
        store.write(path.name, [path.read_bytes()])


def forget(directory: Path) -> None:
    """Delete the working copy of a search that is in its store no more."""
    shutil.rmtree(directory, ignore_errors=True)
