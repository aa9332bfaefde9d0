"""Where a command puts what it makes: a path, a URI, or the directory of its search."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import Clause, UserError
from orchestrator.storage.place import is_remote, local_path
from orchestrator.storage.store import Store
from orchestrator.storage.working_copy import origin_of, upload

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Something that is made as a file or directory here, and then put where it belongs."""

    path: Path
    """Where to make it."""
    store: Store | None
    """The folder that it goes to, under its own name; none: it stays where it is made."""

    stays: bool = True
    """Whether it stays where it is made, too."""

    @property
    def here(self) -> Path:
        """Where it is used: if it does not stay, fetched into the current directory."""
        return self.path if self.stays else Path(self.path.name)

    def shown(self, path: Path) -> str:
        """Return where a user finds a file of it."""
        if self.store is None:
            return str(path)
        return self.store.place("/".join(path.relative_to(self.path.parent).parts))

    def __str__(self) -> str:
        return self.shown(self.path)


@contextlib.contextmanager
def made_at(target: str | Path | None, *, otherwise: Path, force: bool) -> Iterator[Made]:
    """Give a path to make something at; where it belongs into a store, it is put there at the end.

    Args:
        target: What the user named: a path or a URI; None: nothing.
        otherwise: The place in the directory of the search, which may be a working copy.
        force: Put it over what has this name in the store.

    Raises:
        UserError: Something has this name in the store, or it cannot be put there.
    """
    if target is not None and not is_remote(target):
        yield Made(path=local_path(target), store=None)
        return
    if target is None:
        store = origin_of(otherwise.parent)
        if store is not None and not force:
            _require_free(store / otherwise.name, store)
        yield Made(path=otherwise, store=store)
        if store is not None:
            _put(otherwise, store)
        return
    at = Store.open(str(target), where="--output")
    store = Store(at.at.parent, at.patience_seconds)
    if not force:
        _require_free(at, store)
    with tempfile.TemporaryDirectory(prefix="masga-made-") as scratch:
        made = Made(path=Path(scratch) / at.at.name, store=store, stays=False)
        yield made
        _put(made.path, store)


def _put(path: Path, store: Store) -> None:
    """Put it there in the place of what has its name."""
    if path.is_dir():
        store.drop(path.name)
    upload(path, store)


def _require_free(at: Store, store: Store) -> None:
    taken = at.entries() or at.folders()
    if taken or at.at.name in {entry.name for entry in store.entries()}:
        raise UserError(
            where=str(at),
            law="an export does not overwrite what is there",
            found=Clause("it is there already"),
            remedy="Choose another place with --output, or replace it with --force.",
        )
