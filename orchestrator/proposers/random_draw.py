"""Random search: the free genes are drawn anew from their domains (Bergstra & Bengio 2012)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.proposers.child import child_of
from orchestrator.proposers.memoryless import Memoryless
from search_spaces.coordinates import to_coordinates
from search_spaces.errors import InfeasibleGenome

if TYPE_CHECKING:
    import numpy as np

    from orchestrator.proposers.proposal import ProposalRequest
    from search_spaces.genome import Genome
    from search_spaces.space import Space

DRAWS = 16
"""Draws before the last error is raised: beside genes that are held a draw may be infeasible."""


class RandomDraw(Memoryless):
    """Ignores all that is known: the baseline of every proposer."""

    def __init__(self, space: Space) -> None:
        """Set up for the genomes of `space`."""
        self._space = space

    def propose(self, request: ProposalRequest, rng: np.random.Generator) -> Genome:
        """Return a fresh draw; see `Proposer.propose`.

        Raises:
            InfeasibleGenome: No draw fits the genes that are not free.
        """
        for attempt in range(DRAWS):
            drawn = to_coordinates(self._space, self._space.sample(rng))
            try:
                return child_of(self._space, request.donor, drawn, free=request.free)
            except InfeasibleGenome:
                if attempt == DRAWS - 1:
                    raise
        raise AssertionError("the loop returns or raises")
