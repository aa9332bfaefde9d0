"""A schedule: what one member is, stretch by stretch, in place of a search.

The winner of a search is no single genome: it changed along its lineage. Its schedule says how, so
that it can be trained again without the population that found it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from orchestrator.generation import Child
from search_spaces.domains import Choice, PerLayer, Simplex
from search_spaces.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.population import MemberRecord
    from search_spaces.domains import Domain
    from search_spaces.genes import Gene
    from search_spaces.genome import Genome
    from search_spaces.space import Space

ORIGIN = "schedule"
"""Where a genome came from that no proposer gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive intervals with one genome."""

    intervals: int
    genome: Genome
    seed: int
    """Draws the fresh weights of the first stretch, the new parts of the morph into a later one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A member's stretches, in their order; at least one."""

    stretches: tuple[Stretch, ...]

    @property
    def intervals(self) -> int:
        """Intervals of all stretches together."""
        return sum(stretch.intervals for stretch in self.stretches)

    def at(self, interval: int) -> Stretch:
        """Return the stretch that an interval, counted from 0, belongs to."""
        return self.stretches[self._index(interval)]

    def turns_at(self, interval: int) -> bool:
        """Return whether a stretch after the first begins with this interval."""
        return interval > 0 and self._index(interval) != self._index(interval - 1)

    def _index(self, interval: int) -> int:
        ends = accumulate(stretch.intervals for stretch in self.stretches)
        return next(at for at, end in enumerate(ends) if interval < end)


def follow(schedule: Schedule, due: Sequence[MemberRecord]) -> list[Child]:
    """Return what becomes of the one member; nothing after a failure, which no schedule foresees.

    Where a stretch begins, the member is replaced by itself with the stretch's genome.
    """
    children: list[Child] = []
    for record in due:
        outcome = record.outcome
        assert outcome is not None
        if outcome.failed:
            continue
        number = record.order.generation + 1
        turns = schedule.turns_at(number)
        children.append(
            Child(
                member=record.member,
                generation=number,
                decision="replace" if turns else "continue",
                genome=schedule.at(number).genome,
                source=outcome.key,
                donor=record.member if turns else None,
                proposer=ORIGIN if turns else None,
            )
        )
    return children


def require_trainable(space: Space, genome: Genome) -> None:
    """Pass a genome that trainers can run on this run's text, in the domains searched or not.

    Raises:
        SpaceError: A constant is not the run's, a value is none that can be trained, or the values
            break a law between genes.
    """
    pinned = {gene.name: _only(space.gene_value(genome, gene.name), gene) for gene in space.genes}
    space.narrowed(**pinned).limited(Limits()).check(genome)


def _only(value: object, gene: Gene) -> Domain:
    """Return a domain that holds a value and as little else as can be told."""
    match gene.declared, value:
        case PerLayer(), tuple():
            return Choice(tuple(dict.fromkeys(value)))
        case Simplex(), _:
            if isinstance(gene.domain, Choice) and isinstance(gene.domain.values[0], tuple):
                return Simplex(len(gene.domain.values[0]))  # as many shares as sources
            return gene.domain
        case _:
            return Choice((value,))  # type: ignore[arg-type]  # narrowing checks its type
