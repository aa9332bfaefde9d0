"""Proposers that learn nothing: what they propose depends on the request alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.events import JSON
    from orchestrator.proposers.proposal import Observation
    from search_spaces.genome import Genome


class Memoryless:
    """What a search tells a proposer, and nothing of it kept."""

    def observe(self, observations: tuple[Observation, ...]) -> None:
        """Learn nothing."""

    def recall(self, member: int, genome: Genome) -> None:
        """Recall nothing."""

    def memory(self) -> JSON:
        """Return nothing."""
        return None

    def remember(self, memory: JSON) -> None:
        """Take back nothing; see `RecallingProposer.remember`."""
        if memory is not None:
            raise ValueError(f"This proposer remembers nothing, but got {memory!r}.")
