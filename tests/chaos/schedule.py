"""Which fault strikes when: drawn from a seed, every kind once before any comes again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_EVENTS = 40
"""Between the recovery from one fault and the next fault: about two generations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One fault to come."""

    kind: str
    after_events: int
    """Lines that the log grows by before it strikes."""
    delay_seconds: float
    """After the last of these lines."""
    seed: int
    """Draws what it strikes."""


def planned(kinds: Sequence[str], *, seed: int) -> Iterator[Planned]:
    """Draw faults without end.

    >>> plan = planned(["a", "b"], seed=1)
    >>> {next(plan).kind, next(plan).kind} == {"a", "b"}
    True
    """
    draw = random.Random(seed)
    while True:
        for kind in draw.sample(sorted(kinds), len(kinds)):
            yield Planned(
                kind=kind,
                after_events=draw.randint(1, MOST_EVENTS),
                delay_seconds=draw.uniform(0.0, 0.5),
                seed=draw.randrange(2**32),
            )
