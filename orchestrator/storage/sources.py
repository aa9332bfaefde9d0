"""Files of a corpus that lie in an object store, fetched to the cache of this machine."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from orchestrator.cache import cache_directory
from orchestrator.errors import Clause, UserError
from orchestrator.storage.store import Store
from trainers.folder import LocalFolder

if TYPE_CHECKING:
    from pathlib import Path

    from trainers.folder import Entry

_WILD = re.compile(r"[*\[]")
_TRANSLATED = re.compile(r"\*\*/|\*\*|\*|\[!?[^]]+\]")


def fetch_source(uri: str, *, where: str) -> str:
    """Fetch the objects that a URI names, those alone that changed since; return their path.

    Args:
        uri: An object, a folder (with all below it), or a pattern with `*`, `[...]` and `**`.
        where: The key that it was written for.

    Returns:
        The file, or the directory that holds the files by their paths below the folder.

    Raises:
        UserError: Nothing is there, or the store cannot be read.
    """
    store = Store.open(uri, where=where)
    parts = PurePosixPath(store.at.path).parts
    fixed = next((at for at, part in enumerate(parts) if _WILD.search(part)), len(parts))
    base = replace(store, at=replace(store.at, path="/".join(parts[:fixed])))
    pattern = "/".join(parts[fixed:])
    target = cache_directory() / "sources" / hashlib.sha256(uri.encode()).hexdigest()[:16]
    if not pattern:
        above = replace(store, at=store.at.parent)
        alone = [entry for entry in above.entries() if entry.name == store.at.name]
        if alone:
            _bring(above, alone, target)
            return str(target / store.at.name)
    chosen = [entry for entry in base.tree() if not pattern or _matches(pattern, entry.name)]
    if not chosen:
        raise UserError(
            where=where,
            law="a source is an object, a folder of them, or a pattern that matches some",
            found=Clause(f"nothing is at {uri}"),
            remedy="Check bucket and path.",
        )
    _bring(base, chosen, target)
    return str(target)


def _matches(pattern: str, name: str) -> bool:
    """Return whether a pattern of the shell matches: `*` within a part, `**` across them.

    >>> _matches("**/*.txt", "a/b.txt"), _matches("*.txt", "a/b.txt"), _matches("[ab].*", "b.md")
    (True, False, True)
    """

    def translate(found: re.Match[str]) -> str:
        match found[0]:
            case "**/":
                return "(?:.*/)?"
            case "**":
                return ".*"
            case "*":
                return "[^/]*"
            case some:
                return some.replace("[!", "[^")

    parts: list[str] = []
    at = 0
    for found in _TRANSLATED.finditer(pattern):
        parts += [re.escape(pattern[at : found.start()]), translate(found)]
        at = found.end()
    return re.fullmatch("".join(parts) + re.escape(pattern[at:]), name) is not None


def _bring(folder: Store, entries: list[Entry], target: Path) -> None:
    """Make a directory hold just these, each with the time at which it was changed there."""
    for entry in entries:
        path = target / entry.name
        looks = (entry.num_bytes, int(entry.modified * 1e9))
        if path.is_file() and (path.stat().st_size, path.stat().st_mtime_ns) == looks:
            continue
        LocalFolder(path.parent).write(path.name, [folder.read(entry.name)])
        os.utime(path, ns=(looks[1], looks[1]))
    wanted = {target / entry.name for entry in entries}
    for path in target.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()
