"""One generation's decisions: who goes on, who is replaced by whom, with which genome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from orchestrator.component_game import ComponentGame
from orchestrator.proposers import KnownComponents, Observation, ProposalRequest
from orchestrator.randomness import WHOLE_POPULATION, generator
from orchestrator.selection import ReplaceBy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.census import Census, View
    from orchestrator.events import Reported
    from orchestrator.population import MemberRecord
    from orchestrator.proposers import WeightedProposers
    from orchestrator.selection import SelectionPolicy
    from orchestrator.tasks import StateKey
    from search_spaces.genome import Genome
    from search_spaces.space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """What becomes of one member in the next interval."""

    member: int
    generation: int
    decision: Literal["continue", "replace", "restart"]
    genome: Genome
    source: StateKey | None
    donor: int | None = None
    proposer: str | None = None


def breed(
    *,
    census: Census,
    due: Sequence[MemberRecord],
    policy: SelectionPolicy,
    proposers: WeightedProposers | None,
    space: Space,
    free: frozenset[str],
    generation: int,
    seed: int,
) -> list[Child]:
    """Decide about the members that are due, in the order of their numbers.

    Where one is due alone (asynchronous), the others are seen as they were at its tokens and at
    its price: what is decided about it does not depend on how far ahead they are.

    Args:
        census: The whole population; members without a report yet are no candidates.
        due: Those whose interval has ended.
        policy: Chooses who is replaced by whom.
        proposers: Give the genome of a replaced member.
        space: Where a member that nobody can replace starts again.
        free: Genes that may change.
        generation: The one that the children are born into.
        seed: Of the search.
    """
    whole = len(due) == len(census)
    seen = _seen(census, due)
    verdicts = policy.select(
        seen.candidates,
        due=frozenset(r.member for r in due),
        generation=generation,  # the intervals completed: generations are numbered from 0
        rng=generator(
            seed, "select", generation, WHOLE_POPULATION if whole else min(r.member for r in due)
        ),
    )
    children: list[Child] = []
    for record in sorted(due, key=lambda r: r.member):
        outcome = record.outcome
        assert outcome is not None
        number = record.order.generation + 1
        match verdicts[record.member]:
            case ReplaceBy(donor=donor, protocol_of=protocol_of, explore=explore):
                parent = census[donor].outcome
                assert parent is not None
                name: str | None = None
                genome = parent.life.genome
                if protocol_of is not None:
                    lender = census[protocol_of].outcome
                    assert lender is not None
                    genome = replace(genome, protocol=lender.life.genome.protocol)
                if explore:
                    assert proposers is not None
                    request = ProposalRequest(
                        generation=number,
                        member=record.member,
                        donor=genome,
                        replaced=outcome.life.genome,
                        free=free,
                        components=known_components(parent.report),
                    )
                    draw = generator(seed, "propose", number, record.member)
                    proposal = proposers.propose_by(request, draw)
                    name, genome = proposal.proposer, proposal.genome
                children.append(
                    Child(
                        member=record.member,
                        generation=number,
                        decision="replace",
                        genome=genome,
                        source=parent.key,
                        donor=donor,
                        proposer=name,
                    )
                )
            case _ if outcome.failed:  # nobody survived to replace it
                draw = generator(seed, "propose", number, record.member)
                children.append(
                    Child(
                        member=record.member,
                        generation=number,
                        decision="restart",
                        genome=space.sample(draw),
                        source=None,
                        proposer="random",
                    )
                )
            case _:
                children.append(
                    Child(
                        member=record.member,
                        generation=number,
                        decision="continue",
                        genome=outcome.life.genome,
                        source=outcome.key,
                    )
                )
    return children


def known_components(report: Reported) -> KnownComponents | None:
    """Return what a report tells of its state's components; none: they were not measured."""
    told = report.utilities
    if told is None:
        return None
    return KnownComponents(
        heads=tuple(map(tuple, told["heads"])),
        heads_error=tuple(map(tuple, told["heads_se"])),
        ffn=tuple(told["ffn"]),
        ffn_error=tuple(told["ffn_se"]),
        embedding=told["embedding"],
        embedding_error=told["embedding_se"],
        game=None if report.game is None else ComponentGame.from_json(report.game),
    )


def observations(*, census: Census, due: Sequence[MemberRecord]) -> tuple[Observation, ...]:
    """Say what each finished interval gained, beside the median gain of the population.

    The gain of a member is its fitness after the interval minus the fitness it started from (its
    own or its donor's; nothing for fresh weights). Taking the median of everybody's newest gain
    away removes the trend that all share, so that gains of early and of late generations can be
    compared. Where a member is due alone (asynchronous), the others' gains are those that they had
    at its tokens: who is ahead gains less. A failed interval teaches nothing here: there is no
    number that would be true of it.
    """
    seen = _seen(census, due)
    middle = seen.median_gain
    return tuple(
        Observation(
            member=record.member,
            generation=record.outcome.key.generation,
            genome=record.outcome.life.genome,
            fitness=record.outcome.life.curve[-1].fitness,
            gain=gain - middle,
            tokens=record.outcome.life.ledger.tokens,
        )
        for record in due
        if record.outcome is not None and (gain := seen.gain(record.member)) is not None
    )


def _seen(census: Census, due: Sequence[MemberRecord]) -> View:
    """Return the population as those that are due see it."""
    if len(due) != 1:
        return census.seen(None)
    outcome = due[0].outcome
    assert outcome is not None
    return census.seen(outcome.life.ledger.tokens, outcome.life.price)
