"""Exports appear whole or not at all, and never in the place of something else unless asked."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from typing import TYPE_CHECKING

from orchestrator.errors import Clause, UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def write_whole(target: Path, write: Callable[[Path], None], *, force: bool) -> None:
    """Have a file or directory written beside `target`, and rename it there when it is on disk.

    Whatever stops it, nothing half-written stays, and what was at the target is there as it was.

    Args:
        target: Free, an empty directory, or anything with `force`.
        write: Makes the file or directory at the path that it is given.
        force: Replace what is at the target, once the new one is whole.

    Raises:
        UserError: The target is taken, or cannot be written.
    """
    require_free(target, force=force)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    is_new = not target.parent.exists()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        _sync_tree(part)
        require_free(target, force=force)  # another process may have been quicker
        _put(part, target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        _remove(part)
        if is_new and not os.path.lexists(target):
            with contextlib.suppress(OSError):  # not empty, or never made
                target.parent.rmdir()


def require_free(target: Path, *, force: bool) -> None:
    """Check that nothing is lost by writing to `target`.

    Raises:
        UserError: Something is there, and `force` is not asked for.
    """
    if force or not os.path.lexists(target):
        return
    if not target.is_dir():
        found = "it is there already"
    elif any(target.iterdir()):
        found = "it is a directory with something in it"
    else:
        return
    raise UserError(
        where=str(target),
        law="an export does not overwrite what is there",
        found=Clause(found),
        remedy="Choose another place with --output, or replace it with --force.",
    )


def _put(part: Path, target: Path) -> None:
    """Rename `part` to `target`; what was there is put aside first, and back if that fails."""
    if not os.path.lexists(target) or not (part.is_dir() or target.is_dir()):
        part.replace(target)  # one step
    else:
        aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
        target.rename(aside)
        try:
            part.rename(target)
        except BaseException:
            aside.rename(target)
            raise
        _remove(aside)
    _sync(target.parent)


def _sync_tree(root: Path) -> None:
    for path in (*root.rglob("*"), root):
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _unwritable(target: Path, error: OSError) -> UserError:
    return UserError(
        where=str(target),
        law="the place of an export can be written, with room left",
        found=Clause(f"the system says: {error.strerror or error}; nothing half-written was kept"),
        remedy="Mend that, or choose another place with --output.",
    )
