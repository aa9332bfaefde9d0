"""Truncation selection (Jaderberg et al. 2017, arXiv:1711.09846, section 4.1.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.selection.decision import Candidate, Decision, ReplaceBy, check_call
from orchestrator.selection.equal_tokens import advantage, ranking
from orchestrator.selection.settling import settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncation:
    """A member of the worst fraction copies one drawn uniformly from the best fraction.

    The fraction is rounded up to whole members, and is never more than half of the population. A
    donor is always strictly fitter at equal tokens, so members of equal fitness are left alone.
    """

    fraction: float = 0.2
    """Share of the population that is replaced, and share that donors are drawn from."""

    def __post_init__(self) -> None:
        check_fraction(self.fraction)

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
        wishes = truncate(candidates, due=due, fraction=self.fraction, rng=rng)
        return settle(wishes, candidates, due=due, rng=rng)


def check_fraction(fraction: float) -> None:
    """Raise ValueError unless a share of replaced members is possible."""
    if not 0 < fraction <= 0.5:
        raise ValueError(
            f"`0 < fraction <= 0.5` must hold, but got fraction={fraction}. Replace at most half, "
            f"so that donors and replaced members are different ones."
        )


def truncate(
    candidates: tuple[Candidate, ...],
    *,
    due: frozenset[int],
    fraction: float,
    rng: np.random.Generator,
) -> dict[int, Decision]:
    """Return the wishes of truncation selection within these candidates."""
    best, worst = extremes(ranking(candidates), fraction=fraction)
    wishes: dict[int, Decision] = {}
    if due.isdisjoint(worst):
        return wishes
    by_member = {candidate.member: candidate for candidate in candidates}
    donors = [member for member in best if not by_member[member].failed]
    for member in worst:
        if member not in due or not donors:
            continue
        donor = donors[int(rng.integers(len(donors)))]
        replaced = by_member[member]
        if replaced.failed or advantage(by_member[donor], replaced) > 0:
            wishes[member] = ReplaceBy(donor)
    return wishes


def extremes(order: Sequence[int], *, fraction: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the best and the worst `fraction` of an order that has the best first.

    >>> extremes((7, 3, 1, 0, 2), fraction=0.25)
    ((7, 3), (0, 2))
    """
    count = min(math.ceil(fraction * len(order) - 1e-9), len(order) // 2)
    return tuple(order[:count]), tuple(order[len(order) - count :])
