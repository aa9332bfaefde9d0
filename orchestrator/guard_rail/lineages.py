"""What finished lineages teach: features of an interval, and what became of the loss after it.

A lineage is the life of a member's place from a birth to the next; it is finished when another one
takes its place. The residual of an interval is the change of the lineage's loss from there to its
end less the change of the population's median in the same time, so that it does not tell how long
or how early a lineage lived.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

Interval = tuple[int, tuple[float, ...] | None, float]
"""(generation, features, loss in nats per token)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageSample:
    """One interval of a finished lineage."""

    lineage: int
    features: tuple[float, ...]
    residual: float
    """Nats per token; > 0: its loss fell by less than the population's."""


class Lineages:
    """Collects lineages in the order of a search's reports and orders."""

    def __init__(self) -> None:
        self._living: dict[int, list[Interval]] = {}
        self._finished: list[list[Interval]] = []
        self._losses: dict[int, list[float]] = {}

    def reported(
        self, member: int, generation: int, *, features: tuple[float, ...] | None, loss: float
    ) -> None:
        """Take an interval that did not fail."""
        self._living.setdefault(member, []).append((generation, features, loss))
        self._losses.setdefault(generation, []).append(loss)

    def born(self, member: int) -> None:
        """Let another life begin at a member's place."""
        if life := self._living.pop(member, None):
            self._finished.append(life)

    def samples(self) -> tuple[LineageSample, ...]:
        """Return the intervals of finished lineages of two or more, all but each one's last."""
        middle = {generation: median(losses) for generation, losses in self._losses.items()}
        return tuple(
            LineageSample(
                lineage=number,
                features=found,
                residual=(life[-1][2] - loss) - (middle[life[-1][0]] - middle[generation]),
            )
            for number, life in enumerate(self._finished)
            for generation, found, loss in life[:-1]
            if found is not None
        )
