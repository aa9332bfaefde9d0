"""Binary tournament selection (Jaderberg et al. 2017, arXiv:1711.09846, section 4.1.1)."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.selection.decision import Candidate, Decision, ReplaceBy, check_call
from orchestrator.selection.equal_tokens import advantage
from orchestrator.selection.settling import settle

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryTournament:
    """A member meets another, drawn uniformly, and copies it if that one is strictly fitter.

    With the whole population due, about half of it is replaced. A winner that has lost its own
    match hands over to the member that beat it.
    """

    challenge_probability: float = 1.0
    """Probability that a due member meets another at all; lower is gentler."""

    def __post_init__(self) -> None:
        if not 0 < self.challenge_probability <= 1:
            raise ValueError(
                f"`0 < challenge_probability <= 1` must hold, but got "
                f"challenge_probability={self.challenge_probability}."
            )

    def select(
        self,
        candidates: tuple[Candidate, ...],
        *,
        due: frozenset[int],
        generation: int,  # noqa: ARG002 - asked of every policy
        rng: np.random.Generator,
    ) -> dict[int, Decision]:
        """Decide for the due members; see `SelectionPolicy.select`."""
        check_call(candidates, due)
        ordered = tuple(sorted(candidates, key=lambda candidate: candidate.member))
        alive = [i for i, candidate in enumerate(ordered) if not candidate.failed]
        wishes: dict[int, Decision] = {}
        for i, candidate in enumerate(ordered):
            if candidate.member not in due:
                continue
            rivals = len(alive) - (not candidate.failed)  # all that live but itself
            if not rivals:
                continue
            drawn = int(rng.integers(rivals))
            itself = rivals if candidate.failed else bisect_left(alive, i)
            rival = ordered[alive[drawn if drawn < itself else drawn + 1]]
            challenged = rng.random() < self.challenge_probability
            if candidate.failed or (challenged and advantage(rival, candidate) > 0):
                wishes[candidate.member] = ReplaceBy(rival.member)
        return settle(wishes, candidates, due=due, rng=rng)
