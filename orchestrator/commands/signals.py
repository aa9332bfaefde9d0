"""SIGTERM and SIGHUP end a command as Ctrl-C does: everything that it started is ended too."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """A signal that ends the process.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def code_of(stop: KeyboardInterrupt) -> int:
    """Return the exit code that shells expect: 128 + the number of the signal."""
    return stop.exit_code if isinstance(stop, Terminated) else 128 + signal.SIGINT


@contextlib.contextmanager
def ending_signals_raised() -> Iterator[None]:
    """Raise `Terminated` on a signal that would end the process; ignored ones stay ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    taken = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _raise(number: int, frame: FrameType | None) -> None:
    del frame
    raise Terminated(number)
