"""SIGTERM and SIGHUP end a command as Ctrl-C does: everything that it started is ended too."""

from __future__ import annotations

import contextlib
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 128 + signal.SIGINT
"""Exit code of a command that was interrupted."""


@dataclass(slots=True)
class Interruption:
    """Which signal interrupted a command; the exception cannot say: Tune raises one of its own."""

    number: int = signal.SIGINT

    @property
    def exit_code(self) -> int:
        """The exit code that shells expect: 128 + the number of the signal."""
        return 128 + self.number


@contextlib.contextmanager
def interrupted_by_ending_signals() -> Iterator[Interruption]:
    """Raise KeyboardInterrupt on signals that would end the process; ignored ones stay ignored."""
    interruption = Interruption()

    def interrupt(number: int, frame: FrameType | None) -> None:
        del frame
        interruption.number = number
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    taken = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield interruption
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
