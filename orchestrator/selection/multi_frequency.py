"""Multiple-frequencies selection, MF-PBT (Doulazmi et al. 2025, arXiv:2506.03225, section 4).

Selection that acts often is greedy: it prefers what pays within one interval. MF-PBT splits the
population into sub-populations that select at different periods and exchange members by a
migration that keeps the patient ones patient.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.selection.decision import Candidate, Decision, ReplaceBy, check_call
from orchestrator.selection.equal_tokens import advantage, ranking
from orchestrator.selection.settling import settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiFrequency:
    """Sub-populations that evolve at different periods, with asymmetric migration.

    When a sub-population evolves, each of its quarters has a role:

    * the worst quarter copies the best quarter, rank by rank, and explores;
    * the third quarter makes room for migrants: the fittest members of the other sub-populations,
      each used once, replace members that they beat. No exploration follows. The weights are the
      migrant's. The protocol is the migrant's too when it comes from a sub-population of longer
      period; when it comes from one of shorter period, whose protocol may be greedy, it is that of
      the best member at home.

    Taken from the paper as it stands; what differs: sub-populations need not be of equal size or
    multiples of four (a quarter is at least one member); architectures, of which the paper knows
    none, travel with the weights; members are compared at equal tokens; in an asynchronous
    population each member keeps its own count of intervals.
    """

    periods: tuple[int, ...] = (1, 4)
    """Generations between evolutions of each sub-population, ascending. The paper uses (1, 10, 25,
    50) over 1000 generations. A population of n members has at most n // 4 sub-populations, those
    of the shortest periods, and at least one."""

    def __post_init__(self) -> None:
        periods = self.periods
        ascending = all(a < b for a, b in itertools.pairwise(periods))
        if not periods or periods[0] < 1 or not ascending:
            raise ValueError(
                f"`periods` must be ascending whole numbers >= 1, but got periods={periods}. "
                f"Give one number of generations for each sub-population, for example (1, 4)."
            )

    def select(
        self,
        candidates: tuple[Candidate, ...],
        *,
        due: frozenset[int],
        generation: int,  # noqa: ARG002 - each candidate carries its own count
        rng: np.random.Generator,
    ) -> dict[int, Decision]:
        """Decide for the due members; see `SelectionPolicy.select`."""
        check_call(candidates, due)
        by_member = {candidate.member: candidate for candidate in candidates}
        order = ranking(candidates)
        home = _homes(sorted(by_member), num_groups=min(len(self.periods), len(by_member) // 4))

        def beats(one: int, other: int) -> bool:
            return advantage(by_member[one], by_member[other]) > 0

        wishes: dict[int, Decision] = {}
        for group, period in enumerate(self.periods):
            local = [member for member in order if home[member] == group]
            evolving = {
                member
                for member in local
                if member in due and by_member[member].generation % period == 0
            }
            quarter = max(1, len(local) // 4)
            if not evolving or len(local) < 2:
                continue
            replaced, donors = local[-quarter:], local[:quarter]
            for member, donor in zip(replaced, donors, strict=True):
                if member in evolving and (by_member[member].failed or beats(donor, member)):
                    wishes[member] = ReplaceBy(donor)
            room = local[max(quarter, len(local) - 2 * quarter) : -quarter]
            migrants = [
                member for member in order if home[member] != group and not by_member[member].failed
            ]
            for member in (resident for resident in room if resident in evolving):
                if migrants and beats(migrants[0], member):
                    migrant = migrants.pop(0)
                    greedier = home[migrant] < group  # groups are in the order of their periods
                    wishes[member] = ReplaceBy(
                        migrant, protocol_of=local[0] if greedier else None, explore=False
                    )
        return settle(wishes, candidates, due=due, rng=rng)


def _homes(members: Sequence[int], *, num_groups: int) -> dict[int, int]:
    """Split members into consecutive groups whose sizes differ by one at most."""
    groups = max(1, num_groups)
    return {member: index * groups // len(members) for index, member in enumerate(members)}
