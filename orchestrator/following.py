"""Going on from a long log: what it settled long ago is followed, not decided again.

A search that goes on decides its newest generations again and holds them against the log, so that
another version of a library is noticed. Doing so for a million events takes minutes, and nothing
would come of it: the log wins. So all earlier events take their effect as they stand, in a small
part of the time. The state that comes of it is the one that deciding them again leads to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.advances import advances
from orchestrator.errors import UserError
from orchestrator.generation import observations
from orchestrator.search_state import MAKERS
from orchestrator.tasks import StateKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.advances import Advance
    from orchestrator.events import Event, Ordered
    from orchestrator.journal import Journal
    from orchestrator.population import Life, MemberRecord
    from orchestrator.rules import Rules
    from orchestrator.search_state import SearchState
    from orchestrator.tasks import Train


def follow_log(
    events: Sequence[Event], state: SearchState, rules: Rules, journal: Journal
) -> tuple[Train, ...]:
    """Let settled events take their effect; return the tasks that are open after them.

    Raises:
        UserError: They are not the events of such a search.
    """
    first = journal.number - len(events)
    made: dict[StateKey, tuple[Ordered, Life, float | None]] = {}
    for advance in advances(events):
        if not _answers(advance, state, rules):
            raise _no_such_course(first + advance.at)
        _follow(advance, state, rules, journal)
        price = state.appraisal.price_of_play
        for order in advance.orders:
            if not _follows(order, state):
                raise _no_such_course(first + advance.at)
            life = state.take(order)
            made[StateKey(order.member, order.generation)] = order, life, price
            if rules.proposers is not None and order.proposer is not None:
                rules.proposers.recall(order.proposer, order.member, life.genome)
        if len(made) > MAKERS * len(state.census):
            wanted = state.wanted_makers()
            made = {key: found for key, found in made.items() if key in wanted}
    return _open_tasks(state, made)


def _answers(advance: Advance, state: SearchState, rules: Rules) -> bool:
    """Return whether an advance begins as this search goes on."""
    reports, scores = advance.reports, advance.scores
    expected = len(state.census) if rules.mode == "synchronous" else 1
    return (
        len(reports) == expected
        and all(state.awaits(report) for report in reports)
        and len({report.member for report in reports}) == expected
        and [(r.member, r.generation) for r in reports]
        == [(s.member, s.generation) for s in scores]
    )


def _follow(advance: Advance, state: SearchState, rules: Rules, journal: Journal) -> None:
    for report, told in zip(advance.reports, advance.scores, strict=True):
        try:
            score = state.appraisal.recall(report, told, state.census)
        except ValueError as error:  # its parts are none of a fitness, or its game is none
            raise _no_such_course(journal.number) from error
        state.enter(report, score)
    for logged in advance.closings:
        if logged.generation not in state.to_close()[:1]:
            raise _no_such_course(journal.number)
        closed = state.close(logged.generation, None)
        journal.hold_against(
            replace(closed, price=logged.price, price_reason=logged.price_reason), logged
        )
        if logged.price is not None:
            state.appraisal.price_is(logged.price)
    if state.to_close():
        raise _no_such_course(journal.number)
    if rules.proposers is not None:
        due: list[MemberRecord] = [state.census[report.member] for report in advance.reports]
        rules.proposers.observe(observations(census=state.census, due=due))


def _follows(order: Ordered, state: SearchState) -> bool:
    """Return whether a member may be ordered this now."""
    record = state.census.get(order.member)
    if record is None or record.running is not None:
        return False
    if record.order.generation + 1 != order.generation:
        return False
    if order.source is None:
        return order.decision == "restart"
    parent = state.census.get(order.source[0])
    return (
        parent is not None
        and parent.outcome is not None
        and not parent.outcome.failed
        and parent.outcome.key == StateKey(*order.source)
    )


def _open_tasks(
    state: SearchState, made: dict[StateKey, tuple[Ordered, Life, float | None]]
) -> tuple[Train, ...]:
    wanted = state.wanted_makers()
    state.remember(
        state.task(order, life, price_of_play=price)
        for key, (order, life, price) in made.items()
        if key in wanted
    )
    tasks: list[Train] = []
    for record in state.census.records:
        if record.running is not None:
            key = StateKey(record.member, record.order.generation)
            known = made.get(key)
            if known is None:  # ordered before: its task is remembered
                task = state.open_task(key)
                assert task is not None
            else:
                order, life, price = known
                task = state.task(order, life, price_of_play=price)
            tasks.append(task)
    return tuple(tasks)


def _no_such_course(number: int) -> UserError:
    return UserError(
        where=f"event {number} of the log, or one soon after it",
        law="a log follows from its run file and its members' reports",
        found="another course of events",
        remedy="The log or the run file was altered; restore them, or start a new search.",
    )
