"""Several proposers in one search: each request goes to one of them, drawn by weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.proposers.proposal import RecallingProposer

if TYPE_CHECKING:
    import numpy as np

    from orchestrator.events import JSON
    from orchestrator.proposers.proposal import Observation, ProposalRequest, Proposer
    from search_spaces.genome import Genome


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedProposer:
    """One of several proposers."""

    name: str
    """Name in the event log; each once."""
    proposer: Proposer
    weight: float
    """Relative frequency, >= 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A genome and who proposed it."""

    genome: Genome
    proposer: str


class WeightedProposers:
    """Draws a proposer for each request; all of them observe everything."""

    def __init__(self, proposers: tuple[WeightedProposer, ...]) -> None:
        """Set up.

        Raises:
            ValueError: Names are not distinct, or no weight is positive and finite.
        """
        names = [entry.name for entry in proposers]
        if len(set(names)) != len(names):
            raise ValueError(f"Each proposer needs a name of its own, but got {names}.")
        weights = [entry.weight for entry in proposers]
        if not all(math.isfinite(w) and w >= 0 for w in weights) or sum(weights) <= 0:
            raise ValueError(
                f"Weights must be >= 0 and one of them > 0, but got "
                f"{dict(zip(names, weights, strict=True))}. Give each a relative frequency."
            )
        self._proposers = proposers
        self._recalling = {
            entry.name: entry.proposer
            for entry in proposers
            if isinstance(entry.proposer, RecallingProposer)
        }
        self._probabilities = [weight / sum(weights) for weight in weights]

    def observe(self, observations: tuple[Observation, ...]) -> None:
        """Pass observations on to every proposer."""
        for entry in self._proposers:
            entry.proposer.observe(observations)

    def propose_by(self, request: ProposalRequest, rng: np.random.Generator) -> Proposal:
        """Return a genome with the name of its proposer."""
        index = int(rng.choice(len(self._proposers), p=self._probabilities))
        chosen = self._proposers[index]
        return Proposal(genome=chosen.proposer.propose(request, rng), proposer=chosen.name)

    @property
    def can_recall(self) -> bool:
        """Whether all of them are told enough by a log; see `RecallingProposer`."""
        return len(self._recalling) == len(self._proposers)

    def recall(self, name: str, member: int, genome: Genome) -> None:
        """Let a proposer recall what it proposed; none of this name: somebody else did."""
        if name in self._recalling:
            self._recalling[name].recall(member, genome)

    def memory(self) -> dict[str, JSON]:
        """Return the state of each, where `can_recall`."""
        return {name: proposer.memory() for name, proposer in self._recalling.items()}

    def remember(self, memory: dict[str, JSON]) -> None:
        """Give each its state back.

        Raises:
            ValueError: They are not the states of these proposers.
        """
        if memory.keys() != self._recalling.keys():
            raise ValueError(
                f"States must be of {sorted(self._recalling)}, but got those of {sorted(memory)}."
            )
        for name, proposer in self._recalling.items():
            proposer.remember(memory[name])

    def propose(self, request: ProposalRequest, rng: np.random.Generator) -> Genome:
        """Return a genome; see `Proposer.propose`."""
        return self.propose_by(request, rng).genome
