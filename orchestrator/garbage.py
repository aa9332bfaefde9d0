"""The garbage collector, kept away where it finds nothing or does harm."""

from __future__ import annotations

import contextlib
import gc
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Keepers:
    """Those who keep the collector away at present, whatever their threads; the last lets it in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = False

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_on:
                gc.enable()


_KEEPERS = _Keepers()


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector away from all threads until the last one that asks has left.

    Where values are all kept it walks them in vain; elsewhere it may not drop what it finds.
    """
    _KEEPERS.enter()
    try:
        yield
    finally:
        _KEEPERS.leave()
