"""From wishes to decisions: the laws that every policy shares.

A policy says what it would like; `settle` makes it lawful. Failed members are rescued, members that
are not due are left alone, and a donor that is itself replaced is followed to the one that
replaces it, so that every donor's state is still there when it is copied.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from orchestrator.selection.decision import Candidate, Decision, Keep, ReplaceBy
from orchestrator.selection.equal_tokens import ranking

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


_MEMBER, _FAILED = attrgetter("member"), attrgetter("failed")


def settle(
    wishes: Mapping[int, Decision],
    candidates: tuple[Candidate, ...],
    *,
    due: frozenset[int],
    rng: np.random.Generator,
) -> dict[int, Decision]:
    """Make a policy's wishes lawful.

    Args:
        wishes: Decisions of the policy; a due member without one is kept.
        candidates: The whole population.
        due: Members that are to be decided.
        rng: Draws the donors of failed members whose policy did not name a usable one: uniformly
            from the better half of the survivors (best first, at equal tokens).

    Returns:
        One decision for each due member, in the order of members, with the properties that
        `SelectionPolicy.select` promises. Wishes that form a circle (possible where a policy
        compares by more than one yardstick) leave the best member of the circle in place.
    """
    dead = set(map(_MEMBER, filter(_FAILED, candidates)))
    if len(dead) == len(candidates):
        return {member: Keep() for member in sorted(due)}
    decided: dict[int, ReplaceBy] = {}
    if wishes:
        alive = set(map(_MEMBER, candidates)) - dead
        for member in sorted(due):
            wish = wishes.get(member, Keep())
            if isinstance(wish, ReplaceBy) and wish.donor in alive and wish.donor != member:
                decided[member] = _with_living_protocol(wish, alive)
    if decided:
        _open_circles(decided, {member: at for at, member in enumerate(ranking(candidates))})
    for member in sorted((due & dead) - decided.keys()):
        kept = [m for m in ranking(candidates) if m not in dead and m not in decided]
        better_half = kept[: (len(kept) + 1) // 2]
        decided[member] = ReplaceBy(better_half[int(rng.integers(len(better_half)))])
    return {
        member: _followed(decided[member], decided) if member in decided else Keep()
        for member in sorted(due)
    }


def _with_living_protocol(wish: ReplaceBy, alive: set[int]) -> ReplaceBy:
    if wish.protocol_of is not None and wish.protocol_of not in alive:
        return replace(wish, protocol_of=None)
    return wish


def _open_circles(decided: dict[int, ReplaceBy], place: Mapping[int, int]) -> None:
    for start in sorted(decided):
        path = [start]
        while (step := decided.get(path[-1])) is not None and step.donor not in path:
            path.append(step.donor)
        if step is not None:
            circle = path[path.index(step.donor) :]
            del decided[min(circle, key=place.__getitem__)]


def _followed(decision: ReplaceBy, decided: Mapping[int, ReplaceBy]) -> ReplaceBy:
    donor = decision.donor
    while donor in decided:
        donor = decided[donor].donor
    return replace(decision, donor=donor)
