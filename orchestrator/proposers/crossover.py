"""Crossover: a mix of the donor and the genome that it replaces (uniform, Syswerda 1989).

The replaced genome lost, yet some of its genes may be good; the donor's weights are kept, and
layers are aligned by depth. A mutation may follow, or a population would run out of new values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.proposers.memoryless import Memoryless

if TYPE_CHECKING:
    import numpy as np

    from orchestrator.proposers.proposal import ProposalRequest
    from search_spaces.genome import Genome
    from search_spaces.space import Space


class Crossover(Memoryless):
    """Donor x replaced, then sometimes a mutation."""

    def __init__(self, space: Space, *, mutate: float = 0.5) -> None:
        """Set up.

        Args:
            space: The space of the genomes.
            mutate: Probability that the mix is mutated too, in [0, 1].
        """
        if not 0 <= mutate <= 1:
            raise ValueError(f"`0 <= mutate <= 1` must hold, but got mutate={mutate}.")
        self._space = space
        self._mutate = mutate

    def propose(self, request: ProposalRequest, rng: np.random.Generator) -> Genome:
        """Return a mix of both genomes; see `Proposer.propose`."""
        mix = self._space.crossover(request.donor, request.replaced, rng, free=request.free)
        if rng.random() < self._mutate or mix == request.donor:
            return self._space.mutate(mix, rng, free=request.free)
        return mix
