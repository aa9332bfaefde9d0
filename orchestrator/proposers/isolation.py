"""Random state that libraries keep globally, replaced for the time of a call and put back.

Nevergrad (and what it wraps) draws from numpy's and Python's global generators in places. Within
`private_randomness` those draws come from a seed of ours, so that they are the same in every
process; outside, nobody notices that they happened.
"""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator


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
