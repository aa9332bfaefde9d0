"""What a selection policy is told and what it answers."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One member as selection sees it, at the end of its latest interval."""

    member: int
    """The member's place in the population; it never changes, whatever state lives there."""
    fitness: float
    """Nats per token, higher is better; not read when `failed`."""
    batch_losses: tuple[float, ...]
    """Loss of each evaluation batch, nats per token; the same batches for every member."""
    generation: int
    """Intervals that this place in the population has completed: 1 after the first."""
    tokens: int
    """Tokens trained by the state that lives here, those it inherited included."""
    curve: tuple[tuple[int, float], ...]
    """(tokens, fitness) after each interval, through the ancestors of the state, now included;
    tokens ascend strictly."""
    failed: bool
    """Whether the interval ended without a usable state."""

    def __post_init__(self) -> None:
        if not self.failed and not math.isfinite(self.fitness):
            raise ValueError(
                f"A candidate's fitness must be finite, but member {self.member} has "
                f"fitness={self.fitness}. Pass a member without a finite fitness as failed=True."
            )
        tokens = [point[0] for point in self.curve]
        if any(a >= b for a, b in itertools.pairwise(tokens)):
            raise ValueError(
                f"The tokens of a curve must ascend strictly, but those of member {self.member} "
                f"are {tokens}. Keep one point an interval."
            )


@dataclass(frozen=True, slots=True)
class Keep:
    """The member goes on from its own state."""


@dataclass(frozen=True, slots=True)
class ReplaceBy:
    """The member's state is replaced by a copy of the donor's, as it is in this generation."""

    donor: int
    """Member whose weights, optimizer state and architecture are copied."""
    protocol_of: int | None = None
    """Member whose protocol half the copy trains with; None: the donor's."""
    explore: bool = True
    """Whether the copied genome is then changed by a proposer."""


Decision = Keep | ReplaceBy


class SelectionPolicy(Protocol):
    """Decides who is replaced by whom. Pure: the answer depends on the arguments alone."""

    def select(
        self,
        candidates: tuple[Candidate, ...],
        *,
        due: frozenset[int],
        generation: int,
        rng: np.random.Generator,
    ) -> dict[int, Decision]:
        """Decide for the members that have just ended an interval.

        Args:
            candidates: The whole population, also the members that are not due.
            due: Members that wait for a decision.
            generation: Intervals completed by the population (synchronous) or by the slowest due
                member (asynchronous).
            rng: Source of all randomness.

        Returns:
            One decision for each due member. Donors have not failed, are not replaced themselves in
            the same answer and are not the member itself. A failed due member is always replaced,
            unless every candidate has failed: then all due members are kept, and the caller
            restarts them.
        """
        ...


_MEMBER = attrgetter("member")


def check_call(candidates: tuple[Candidate, ...], due: frozenset[int]) -> None:
    """Raise ValueError unless members are distinct and `due` is among them."""
    members = set(map(_MEMBER, candidates))
    if len(members) != len(candidates):
        raise ValueError(
            f"Each member must be a candidate once, but got members "
            f"{[candidate.member for candidate in candidates]}."
        )
    if strangers := due - members:
        raise ValueError(
            f"Due members must be candidates, but {sorted(strangers)} are not among "
            f"{sorted(members)}. Pass the whole population as candidates."
        )
