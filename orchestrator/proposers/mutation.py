"""Mutation: a few genes of the donor are perturbed or drawn anew (Jaderberg et al. 2017).

The classic step multiplies a hyperparameter by 0.8 or 1.2 (arXiv:1711.09846, section 4.1.2). Here a
step is a normal one whose standard deviation is a share of the gene's domain, or of its logarithm,
so that one number suits learning rates and layer counts alike; that share follows the success of
past steps (Rechenberg 1973).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from search_spaces.genome import genome_from_json, genome_to_json

if TYPE_CHECKING:
    import numpy as np

    from orchestrator.events import JSON
    from orchestrator.proposers.proposal import Observation, ProposalRequest
    from search_spaces.genome import Genome
    from search_spaces.space import Space

TARGET = 0.4
"""Share of successful steps at which the scale stays as it is. Rechenberg's 1/5 is for steps that
beat their parent on a smooth hill; a gain is relative to the generation's median, which a step that
changes nothing beats half of the time."""
SPEED = 0.1
"""Change of ln(scale) for a success, in units of (1 - TARGET)."""
RANGE = 4.0
"""The scale stays within this factor of where it began."""


class Mutation:
    """Perturbs and resamples; its step grows while steps succeed and shrinks while they fail."""

    def __init__(
        self,
        space: Space,
        *,
        scale: float = 0.15,
        rate: float = 0.15,
        resample: float = 0.15,
        adapt: bool = True,
    ) -> None:
        """Set up.

        Args:
            space: The space of the genomes.
            scale: Standard deviation of a step as a share of the gene's domain, > 0.
            rate: Probability of each free gene to change, in (0, 1]; one at least does.
            resample: Probability that a changing gene is drawn anew, in [0, 1].
            adapt: Whether the scale follows the success of past steps.
        """
        if not 0 < scale <= 1:
            raise ValueError(f"`0 < scale <= 1` must hold, but got scale={scale}.")
        if not 0 < rate <= 1:
            raise ValueError(f"`0 < rate <= 1` must hold, but got rate={rate}.")
        if not 0 <= resample <= 1:
            raise ValueError(f"`0 <= resample <= 1` must hold, but got resample={resample}.")
        self._space = space
        self._start, self._rate, self._resample = scale, rate, resample
        self._adapt = adapt
        self._pending: dict[int, Genome] = {}
        self.scale = scale

    def observe(self, observations: tuple[Observation, ...]) -> None:
        """Adapt the scale to the first interval of each genome proposed here."""
        for observation in observations:
            proposed = self._pending.pop(observation.member, None)
            if not self._adapt or proposed != observation.genome:
                continue
            success = 1.0 if observation.gain > 0 else 0.0
            scale = self.scale * math.exp(SPEED * (success - TARGET) / (1 - TARGET))
            low, high = self._start / RANGE, min(1.0, self._start * RANGE)
            self.scale = min(max(scale, low), high)

    def recall(self, member: int, genome: Genome) -> None:
        """Wait for the observation of a genome proposed here."""
        self._pending[member] = genome

    def memory(self) -> JSON:
        """Return its scale, and whose first intervals it waits for."""
        pending = [[member, genome_to_json(genome)] for member, genome in self._pending.items()]
        return {"scale": self.scale, "pending": pending}

    def remember(self, memory: JSON) -> None:
        """Take back a state; see `RecallingProposer.remember`."""
        try:
            scale, pending = memory["scale"], memory["pending"]
            known = {member: genome_from_json(genome) for member, genome in pending}
        except (KeyError, TypeError) as error:
            raise ValueError(f"A state has scale and pending genomes, but got {error!r}.") from None
        if not (type(scale) is float and 0 < scale <= 1 and all(type(m) is int for m in known)):
            raise ValueError(f"`0 < scale <= 1` must hold of members, but got scale={scale!r}.")
        self.scale, self._pending = scale, known

    def propose(self, request: ProposalRequest, rng: np.random.Generator) -> Genome:
        """Return a neighbour of the donor; see `Proposer.propose`."""
        genome = self._space.mutate(
            request.donor,
            rng,
            free=request.free,
            scale=self.scale,
            rate=self._rate,
            resample=self._resample,
        )
        self.recall(request.member, genome)
        return genome
