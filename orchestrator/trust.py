"""Whose run file it is: what reaches beyond its directory is used if it is the user's own.

A run file, or the log of a search, may name code to import, files anywhere and servers to talk
to. That is what its author wants; a file from elsewhere may want it of somebody else's machine. So
whatever reaches that far is named, and refused unless the file is the user's own (`stranger`) or
the user says `--trust`. Reading a file, its checkpoints and its log runs nothing.
"""

from __future__ import annotations

import glob
import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.credentials import without_credentials
from orchestrator.errors import Clause, UserError
from orchestrator.run_file import dotted
from orchestrator.storage.place import is_remote, local_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.run_config import RunConfig

_DOWNLOADED = ("user.xdg.origin.url", "user.xdg.referrer.url")
"""Extended attributes with which browsers, `curl --xattr` and `wget --xattr` mark a download."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One thing beyond its own directory that a run file asks for."""

    key: tuple[str | int, ...]
    """Where it is written."""
    what: str
    """What would be done, as a clause: `runs the code of my_space.py`."""


def reaches(config: RunConfig, home: Path) -> tuple[Reach, ...]:
    """Return all that a run asks for beyond the directory that its file lies in.

    Args:
        config: The run, its paths anchored; none of its code has been imported.
        home: The directory of its file.
    """
    found = [*code_reaches(config), *text_reaches(config, home)]
    if "output" in config.model_fields_set and not _is_within(config.output, home):
        found.append(Reach(key=("output",), what=f"writes into {config.output}"))
    return (*found, *_servers(config))


def search_reaches(config: RunConfig, home: Path) -> tuple[Reach, ...]:
    """Return the same of a search that is there already, in `home`: that is where it writes."""
    return (*code_reaches(config), *text_reaches(config, home), *_servers(config))


def code_reaches(config: RunConfig) -> tuple[Reach, ...]:
    """Return the code that a run names: what is a name of ours has no colon."""
    named: list[tuple[tuple[str | int, ...], str]] = [
        (("space", "name"), config.space.name),
        (("selection", "policy"), config.selection.policy),
        (("fitness", "horizon"), config.fitness.horizon),
    ]
    named += [
        (("proposers", at, "proposer"), entry.proposer) for at, entry in enumerate(config.proposers)
    ]
    return tuple(
        Reach(key=key, what=f"runs the code of {name.rpartition(':')[0]}")
        for key, name in named
        if ":" in name
    )


def text_reaches(config: RunConfig, home: Path) -> tuple[Reach, ...]:
    """Return what a run reads beyond `home`."""
    found: list[Reach] = []
    for at, source in enumerate(config.corpus.sources):
        if source.path is not None and (outside := _outside(source.path, home)) is not None:
            found.append(Reach(key=("corpus", "sources", at, "path"), what=f"reads {outside}"))
    return tuple(found)


def record_reaches(config: RunConfig) -> tuple[Reach, ...]:
    """Return where a run has itself recorded."""
    return tuple(reach for reach in _servers(config) if reach.key[0] == "mlflow")


def require_trusted(
    asked: Callable[[], Sequence[Reach]], *, files: Sequence[Path | str], trust: bool
) -> None:
    """Let pass what the user's own files ask for, or what the user trusts.

    Args:
        asked: Tells what the files ask for; called only if one of them is not the user's own.
        files: Where it is written.
        trust: Whether the user has said `--trust`.

    Raises:
        UserError: A file is not the user's own; names all that it asks for.
    """
    if trust:
        return
    doubts = ((file, doubt) for file in files if (doubt := stranger(file)) is not None)
    doubted = next(doubts, None)
    if doubted is None or not (wanted := asked()):
        return
    file, doubt = doubted
    wants = "; ".join(f"{dotted(reach.key)} {reach.what}" for reach in wanted)
    raise UserError(
        where=str(file),
        law="code, files elsewhere and servers are used only as a file of your own says",
        found=Clause(f"{doubt}, and this is what it wants: {wants}"),
        remedy="Read it, and the code that it names; then say the same with --trust.",
    )


def stranger(file: Path | str) -> str | None:
    """Return why a file may not be the user's own, as a clause; none: it is.

    It is the user's own if it belongs to the user or to root, nobody else can write it, and
    nothing marks it as downloaded. A group that can write it is no danger if the user is alone in
    it, or if a directory above lets nobody else in.
    """
    if "://" in str(file):
        return "it lies in a store that does not tell whose it is"
    path = Path(file)
    status, user = path.stat(), os.geteuid()
    if status.st_uid not in {user, 0}:
        return f"it belongs to {_user(status.st_uid)}"
    if not _is_closed(path, user):
        if status.st_mode & stat.S_IWOTH:
            return "everybody can write it"
        if status.st_mode & stat.S_IWGRP and not _is_private(status.st_gid, user):
            return f"the group {_group(status.st_gid)} can write it"
    return _downloaded(path)


def _servers(config: RunConfig) -> list[Reach]:
    found: list[Reach] = []
    address, uri = config.resources.address, config.mlflow.tracking_uri
    if address is not None:
        what = f"joins the Ray cluster at {address}, where others may run code"
        found.append(Reach(key=("resources", "address"), what=what))
    if config.mlflow.enabled and uri is not None:
        told = without_credentials(uri)
        found.append(Reach(key=("mlflow", "tracking_uri"), what=f"sends its record to {told}"))
    return found


def _outside(pattern: str, home: Path) -> str | None:
    """Return the path, or the file that the pattern finds, that is not within `home`."""
    if is_remote(pattern):
        return pattern
    fixed = Path(pattern)
    while any(sign in part for part in fixed.parts for sign in "*?["):
        fixed = fixed.parent
    if not _is_within(fixed, home) or ".." in Path(pattern).parts[len(fixed.parts) :]:
        return pattern
    found = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207 - with its root
    below = (file for path in found if path.is_dir() for file in path.rglob("*"))
    return next((str(file) for file in (*found, *below) if not _is_within(file, home)), None)


def _is_within(path: Path | str, home: Path) -> bool:
    if is_remote(path):
        return False
    return local_path(path).resolve().is_relative_to(home.resolve())


def _is_closed(path: Path, user: int) -> bool:
    """Return whether a directory above lets in nobody but the user."""
    for above in path.resolve().parents:
        status = above.stat()
        if status.st_uid in {user, 0} and not status.st_mode & (stat.S_IXGRP | stat.S_IXOTH):
            return True
    return False


def _is_private(group: int, user: int) -> bool:
    """Return whether a group is the user's own, as systems make one for each user."""
    try:
        account, entry = pwd.getpwuid(user), grp.getgrgid(group)
    except KeyError:
        return False
    alone = set(entry.gr_mem) <= {account.pw_name}
    return alone and entry.gr_gid == account.pw_gid and entry.gr_name == account.pw_name


def _downloaded(path: Path) -> str | None:
    if not hasattr(os, "listxattr"):
        return None
    try:
        marks = [name for name in os.listxattr(path) if name in _DOWNLOADED]
        address = os.getxattr(path, marks[0]).decode(errors="replace") if marks else ""
    except OSError:
        return None  # a file system without such attributes
    return f"it was downloaded ({address or marks[0]})" if marks else None


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
