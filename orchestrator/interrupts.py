"""Interrupts that cannot be lost: a library may swallow a KeyboardInterrupt, not the memory of it.

Python raises it wherever the main thread happens to be: in a finalizer, a callback from C or below
an `except` that takes everything, it is printed or dropped, and the program goes on.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_INTERRUPTING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Whether the process was interrupted since they are remembered."""

    def __init__(self) -> None:
        self.came = False

    def heed(self) -> None:
        """Go on if there was none.

        Raises:
            KeyboardInterrupt: There was one; here again, however often it was swallowed.
        """
        if self.came:
            raise KeyboardInterrupt


@contextlib.contextmanager
def remembered_interrupts() -> Iterator[Interrupts]:
    """Remember each KeyboardInterrupt that a signal's handler raises, until leaving.

    Handlers do what they did, so a second signal interrupts as the first one; those that raise no
    KeyboardInterrupt are theirs alone. Only the main thread is interrupted by signals: in another
    one, nothing is remembered.

    Raises:
        KeyboardInterrupt: In place of an error that an interrupt was turned into.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    replaced = {}
    for number in _INTERRUPTING:
        handler = signal.getsignal(number)
        if callable(handler):
            replaced[number] = (handler, _remembering(interrupts, handler))
            signal.signal(number, replaced[number][1])
    try:
        yield interrupts
    except Exception as error:
        if interrupts.came:
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, (handler, ours) in replaced.items():
            if signal.getsignal(number) is ours:
                signal.signal(number, handler)


def _remembering(
    interrupts: Interrupts, handler: Callable[[int, FrameType | None], object]
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        try:
            handler(number, frame)
        except KeyboardInterrupt:
            interrupts.came = True
            raise

    return handle
