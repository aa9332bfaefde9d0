"""Two processes that record the same search take turns: the observer, and `masga sync`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import uuid
from typing import TYPE_CHECKING

from orchestrator.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_NAME = "mlflow.lock"
_POLL_SECONDS = 0.1


class Turns:
    """The turns of one process at the record of the search in a directory."""

    def __init__(self, directory: Path, *, patience_seconds: float) -> None:
        self._path = directory / LOCK_NAME
        self._patience = patience_seconds
        self._name = uuid.uuid4().hex.encode()

    @contextlib.contextmanager
    def taken(self) -> Iterator[bool]:
        """Wait for a turn; gives whether the turn before was ours too.

        Where the directory cannot be written nobody else records from it either, or nobody can
        be kept from it: every turn then counts as the first.

        Raises:
            UserError: Another process did not end its turn.
        """
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:
            yield False
            return
        try:
            self._wait(file)
            before = os.pread(file, 64, 0)
            os.pwrite(file, self._name, 0)
            yield before == self._name
        finally:
            os.close(file)

    def _wait(self, file: int) -> None:
        until = time.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    raise UserError(
                        where=str(self._path),
                        law="one process at a time records a search",
                        found=f"another one that did not end within {self._patience:g} s",
                        remedy="Wait for it, then run 'masga sync' again.",
                    ) from error
                time.sleep(_POLL_SECONDS)
            else:
                return
