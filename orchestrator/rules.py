"""The rules of one search, resolved: what `Search` needs and nothing of where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from orchestrator.fitness import FitnessRule
    from orchestrator.proposers import WeightedProposers
    from orchestrator.schedule import Schedule
    from orchestrator.selection import SelectionPolicy
    from search_spaces.genome import Genome
    from search_spaces.space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything that decides a search but the reports of its members."""

    seed: int
    members: int
    mode: Literal["synchronous", "asynchronous"]
    generations: int
    """Intervals that each member trains."""
    interval_tokens: int
    horizon_tokens: int
    """Tokens a lineage trains from the start to the end of the budget."""
    budget_flops: float | None
    """No generation starts once this much is spent; none: the generations are the budget."""
    target_loss: float | None
    """Nats per token on the selection split at which the search ends."""
    stagnation_generations: int | None
    """Generations without a better fitness after which the search ends."""
    architecture_free_until: float
    """Share of the generations up to which children may change architecture genes."""
    protocol_free_from: float
    """Share of the generations from which children may change protocol genes."""
    baseline: bool
    """Train the default genome of the winner's size with the winner's tokens at the end."""
    space: Space
    first_genomes: tuple[Genome, ...]
    first_origin: str
    """Which prior the first genomes were drawn from."""
    policy: SelectionPolicy
    proposers: WeightedProposers | None
    """None: a population of one, in which nobody can be replaced."""
    fitness: FitnessRule
    schedule: Schedule | None = None
    """What the one member is, in place of a policy and proposers; none: a search."""

    @property
    def can_be_followed(self) -> bool:
        """Whether a log of such a search leads to its state without deciding anything again.

        Not where a proposer remembers more than a log tells of it (Optuna, Nevergrad), nor with
        the guard rail, which learns from every generation.
        """
        game = self.fitness.game
        return (self.proposers is None or self.proposers.can_recall) and not (
            game is not None and game.guard_rail
        )

    def free_genes(self, generation: int) -> frozenset[str]:
        """Return the genes that children born into a generation may change."""
        share = generation / self.generations
        free: frozenset[str] = frozenset()
        if share <= self.architecture_free_until:
            free |= self.space.gene_names("architecture")
        if share >= self.protocol_free_from:
            free |= self.space.gene_names("protocol")
        return free
