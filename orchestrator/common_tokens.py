"""The living at their common tokens: each as it was when it had trained as much as all have.

In an asynchronous search some members are ahead, and who has trained longer has the lower loss
whatever its genome is worth. So what is told of the whole population (its front, its best) is told
where the one that has trained least is now: a lineage has a point at the end of each interval, its
donors' included, and intervals are equally long, so that every living member has one at exactly
these tokens. In a synchronous search that is where everybody is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.events import Reported
    from orchestrator.population import CurvePoint, MemberRecord, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Abreast:
    """The living members at their common tokens."""

    tokens: int | None
    """The fewest that a living member has trained, inherited ones included; none: nobody lives."""
    members: tuple[tuple[Outcome, CurvePoint], ...]
    """Each living member's newest outcome, and the point of its curve at these tokens; by member.
    Who has failed since is none of them."""


def abreast(records: Sequence[MemberRecord]) -> Abreast:
    """Return the living members at the tokens that all of them have trained.

    Args:
        records: The whole population; members that have not reported or have failed do not count.
    """
    living = [o for o in (r.outcome for r in records) if o is not None and not o.failed]
    tokens = min((o.life.ledger.tokens for o in living), default=None)
    return Abreast(
        tokens=tokens,
        members=tuple((o, o.life.curve_until(tokens)[-1]) for o in living),
    )


def players_of(records: Sequence[MemberRecord], arriving: Reported) -> dict[int, tuple[float, ...]]:
    """Return by member the losses on each domain at the common tokens: the meta-game's players.

    Args:
        records: The whole population, before the report is entered.
        arriving: A report of the losses on each domain; its member counts as it is now.
    """
    lives = {
        r.member: r.outcome.life for r in records if r.outcome is not None and not r.outcome.failed
    }
    running = records[arriving.member].running
    assert running is not None
    lives.pop(arriving.member, None)
    now = arriving.ledger.tokens
    tokens = min([now, *(life.ledger.tokens for life in lives.values())])
    if now > tokens:
        lives[arriving.member] = running
    found = {member: life.curve_until(tokens)[-1].domain_losses for member, life in lives.items()}
    if now == tokens:
        found[arriving.member] = arriving.domain_losses
    return {member: losses for member, losses in found.items() if losses is not None}
