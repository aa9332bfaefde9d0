"""What a worker is asked to do: train a member for an interval, or assess a final state."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.events import Reported
from orchestrator.randomness import generator

if TYPE_CHECKING:
    from orchestrator.events import Assessed, Ledger, Ordered
    from search_spaces.genome import Genome


@dataclass(frozen=True, slots=True, order=True)
class StateKey:
    """The state of a member after a generation; in a synchronous search its bits are decided."""

    member: int
    generation: int

    def __str__(self) -> str:
        """Name the checkpoint of this state."""
        return f"g{self.generation:05d}-m{self.member:05d}"


TaskName = tuple[str, int, int]
"""What tells the tasks of a search apart: (`train` or a role, member, generation)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Continue `source` (or start afresh) as `genome` for `tokens` tokens; gives `key`."""

    member: int
    generation: int
    genome: Genome
    source: StateKey | None
    tokens: int
    ledger: Ledger
    """Spent along the lineage before this interval."""
    seed: int
    """Draws fresh weights and the new parts of a morph."""
    price: float | None = None
    """mu at which the components' best reply is sought afterwards; none: no game is played."""
    before: Train | None = None
    """The task that made `source`, to be done again where its checkpoint cannot be read."""
    data_seed: int | None = None
    """Keys the order of its data and its dropout masks; none: the run's seed does, as for all."""

    @property
    def price_of_play(self) -> float | None:
        """The price at which the member's components play: its genome scales the population's."""
        return None if self.price is None else self.price * self.genome.protocol.price_multiplier

    @property
    def key(self) -> StateKey:
        """The state that this task makes."""
        return StateKey(self.member, self.generation)

    @property
    def name(self) -> TaskName:
        """What tells it from the search's other tasks."""
        return "train", self.member, self.generation

    @property
    def digest(self) -> str:
        """Names everything that decides the outcome; `before` does not."""
        parts = [
            str(self.key),
            self.genome.digest,
            str(self.source),
            self.tokens,
            self.ledger.tokens,
            self.seed,
            *(() if self.price is None else (self.price,)),
        ]
        if self.data_seed is not None:
            parts.append(self.data_seed)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assess:
    """Evaluate a state on the held-out split."""

    role: Literal["winner", "baseline", "replicate"]
    source: StateKey
    genome: Genome
    before: Train | None = None
    """The task that made `source`; see `Train`."""

    @property
    def key(self) -> StateKey:
        """The state that is assessed."""
        return self.source

    @property
    def name(self) -> TaskName:
        """What tells it from the search's other tasks."""
        return self.role, self.source.member, self.source.generation


Task = Train | Assess


def answered(event: Reported | Assessed) -> TaskName:
    """Return the name of the task that a report answers."""
    kind = "train" if isinstance(event, Reported) else event.role
    return kind, event.member, event.generation


def task_seed(seed: int, order: Ordered) -> int:
    """Draw the seed of a task's fresh weights, keyed by its place in the search."""
    draw = generator(seed, "weights", order.generation, order.member)
    return int(draw.integers(0, 2**63))
