"""Calls into libraries that share the process's state: their random draws and threads kept apart.

Nevergrad (and what it wraps) draws from numpy's and Python's global generators in places. Within
`private_randomness` those draws come from a seed of ours, so that they are the same in every
process; outside, nobody notices that they happened.
"""

from __future__ import annotations

import contextlib
import random
import threading
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Result = TypeVar("_Result")


@contextlib.contextmanager
def private_randomness(seed: int) -> Iterator[None]:
    """Seed the global generators of numpy and Python inside, restore them on leaving."""
    numpy_state = np.random.get_state()  # noqa: NPY002 - the global state is the point
    python_state = random.getstate()
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)


def in_daemon_thread(call: Callable[[], _Result]) -> _Result:
    """Call in a daemon thread and wait: threads that the call starts are daemons then.

    Nevergrad runs some optimizers in threads that wait for an answer; as ordinary threads they
    would keep the process from ending.
    """
    results: list[_Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it belongs
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
