"""A directory of the cache is made by one process while others wait, and appears whole."""

from __future__ import annotations

import errno
import fcntl
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from trainers.data.build import sync
from trainers.data.manifest import MANIFEST_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNLOCKABLE = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


def make_once(directory: Path, build: Callable[[Path], None]) -> None:
    """Make a prepared corpus and rename it to its place, unless another process was first.

    Args:
        directory: Where it belongs: `<cache>/<digest>`; the cache exists.
        build: Fills an empty directory; its manifest comes last.
    """
    cache, digest = directory.parent, directory.name
    with _lock(cache / f"{digest}.lock") as is_alone:
        if (directory / MANIFEST_FILE).exists():
            return
        if is_alone:
            for stale in cache.glob(f".building-{digest}-*"):  # of processes that were killed
                shutil.rmtree(stale, ignore_errors=True)
        building = Path(tempfile.mkdtemp(prefix=f".building-{digest}-", dir=cache))
        try:
            build(building)
            building.chmod(0o755)  # mkdtemp lets nobody else read
            try:
                building.rename(directory)
            except OSError:
                if not (directory / MANIFEST_FILE).exists():
                    raise
            sync(cache)
        finally:
            shutil.rmtree(building, ignore_errors=True)


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Hold a lock among processes. Yields False where the file system has none: rename decides."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in UNLOCKABLE:
                raise
            yield False
        else:
            yield True
