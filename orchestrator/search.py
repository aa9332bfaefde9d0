"""The course of a search: reports in, tasks out. Knows nothing of Ray, files or clocks.

`Search` is a deterministic function of its rules and of the reports that it receives, in the order
in which it receives them; a synchronous search does not depend on that order either. So resuming
is replaying: `begin()`, which follows what a log settled long ago, then every report of the log;
tasks still open are handed out again.

    begin() -> tasks ... receive(report) -> tasks ... until `finished`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import UserError
from orchestrator.events import Assessed, GenerationClosed, Ordered, Scored
from orchestrator.following import follow_log
from orchestrator.generation import breed, observations
from orchestrator.schedule import follow
from orchestrator.search_state import SearchState
from orchestrator.snapshots.kept import Snapshot
from orchestrator.verdict import Verdict
from search_spaces.genome import genome_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.events import Event, Reported, StopReason
    from orchestrator.generation import Child
    from orchestrator.journal import Journal
    from orchestrator.population import MemberRecord
    from orchestrator.rules import Rules
    from orchestrator.snapshots.kept import Snapshots
    from orchestrator.tasks import StateKey, Task

DECIDED_AGAIN = 10_000
"""Newest events of a log that are decided again when a search goes on, and held against what was
logged; those before them are followed."""


class Search:
    """One search from its first orders to its verdict.

    Args:
        rules: What decides it.
        journal: Where events go before they take effect.
        decided_again: See `DECIDED_AGAIN`.
        snapshots: Where its state is kept now and then, to go on from; none: it is not.
    """

    def __init__(
        self,
        rules: Rules,
        journal: Journal,
        *,
        decided_again: int = DECIDED_AGAIN,
        snapshots: Snapshots | None = None,
    ) -> None:
        self._rules = rules
        self._journal = journal
        self._decided_again = decided_again
        self._snapshots = snapshots if rules.can_be_followed else None
        self._state = SearchState(rules)
        self._inbox: dict[int, Reported] = {}
        self._verdict: Verdict | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self._verdict is not None and self._verdict.finished

    @property
    def records(self) -> tuple[MemberRecord, ...]:
        """The population, by member."""
        return self._state.census.records

    def needed_states(self) -> frozenset[StateKey]:
        """Return the states that a living member or an open order may still ask for."""
        keys = self._state.needed_states()
        if self._verdict is not None:
            keys |= self._verdict.needed_states()
        return frozenset(keys)

    def begin(self) -> tuple[Task, ...]:
        """Order the first generation; where the log goes on from there, follow it."""
        orders = [
            Ordered(
                member=member,
                generation=0,
                decision="start",
                genome=genome_to_json(genome),
                digest=genome.digest,
                proposer=self._rules.first_origin,
                tokens=self._rules.interval_tokens,
            )
            for member, genome in enumerate(self._rules.first_genomes)
        ]
        tasks = self._enact(self._journal.record(orders))
        if not self._rules.can_be_followed:
            return tasks
        went_on = self._go_on_from_snapshot()
        settled = self._journal.settled(newest=self._decided_again)
        if not (went_on or settled):
            return tasks
        return follow_log(settled, self._state, self._rules, self._journal)

    def _go_on_from_snapshot(self) -> bool:
        """Take the state from the newest snapshot that leaves enough events to decide again."""
        if self._snapshots is None:
            return False
        found = self._snapshots.newest(most=self._journal.logged - self._decided_again)
        if found is None or found.events < self._journal.number:
            return False
        try:
            self._state = SearchState.restored(self._rules, found.kept)
        except ValueError as error:  # of another version of somebody's proposer, or forged
            raise UserError(
                where=f"the snapshot of the first {found.events} events",
                law="it is the state of such a search",
                found=str(error),
                remedy="Delete the snapshots beside the log: it has all that is in them.",
            ) from error
        self._journal.pass_over(found.events)
        return True

    def _keep_snapshot(self) -> None:
        """Keep the state if that is due: everybody has his orders, and nobody waits for it."""
        number = self._journal.number
        if self._snapshots is not None and self._snapshots.is_due(number):
            self._snapshots.keep(Snapshot(events=number, kept=self._state.kept()))

    def receive(self, report: Reported | Assessed) -> tuple[Task, ...]:
        """Take one answer of a worker and return the tasks that follow from it.

        An answer to an order that is not open (a worker came back from the dead) changes nothing.
        """
        if self._verdict is not None:
            return self._verdict.receive(report)
        if isinstance(report, Assessed) or not self._state.awaits(report):
            return ()
        self._keep_snapshot()
        if self._rules.mode == "asynchronous":
            return self._advance((report,))
        self._inbox[report.member] = report
        if len(self._inbox) < len(self._state.census):
            return ()
        reports = tuple(self._inbox[member] for member in sorted(self._inbox))
        self._inbox.clear()
        return self._advance(reports)

    def _advance(self, reports: tuple[Reported, ...]) -> tuple[Task, ...]:
        """Score the reports, decide about their members and order what comes next."""
        state = self._state
        events: list[Event] = [*reports, *self._take(reports)]
        for generation in state.to_close():
            priced = state.appraisal.close(generation, state.census.records)
            events.append(state.close(generation, priced))
        due = [state.census[report.member] for report in reports]
        if self._rules.proposers is not None:
            self._rules.proposers.observe(observations(census=state.census, due=due))
        going_on = [r for r in due if r.order.generation + 1 < self._rules.generations]
        if state.stopping is None and going_on:
            events += self._order(going_on)
        tasks = self._enact(self._journal.record(events))
        if not state.census.running:
            tasks += self._conclude()
        return tasks

    def _take(self, reports: tuple[Reported, ...]) -> list[Scored]:
        """Enter reports into the population; those that come together are scored together."""
        told: list[Scored] = []
        scores = self._state.appraisal.score(reports, self._state.census)
        for report, score in zip(reports, scores, strict=True):
            self._state.enter(report, score)
            fitness = score.fitness
            told.append(
                Scored(
                    member=report.member,
                    generation=report.generation,
                    fitness=None if fitness is None else fitness.value,
                    parts={} if fitness is None else fitness.to_json(),
                )
            )
        return told

    def _order(self, due: list[MemberRecord]) -> list[Event]:
        rules = self._rules
        if rules.schedule is not None:
            return [self._to_order(child) for child in follow(rules.schedule, due)]
        generation = max(record.order.generation for record in due) + 1
        children = breed(
            census=self._state.census,
            due=due,
            policy=rules.policy,
            proposers=rules.proposers,
            space=rules.space,
            free=rules.free_genes(generation),
            generation=generation,
            seed=rules.seed,
        )
        return [self._to_order(child) for child in children]

    def _to_order(self, child: Child) -> Ordered:
        before = self._state.census[child.member].order
        source, digest = child.source, child.genome.digest
        return Ordered(
            member=child.member,
            generation=child.generation,
            decision=child.decision,
            genome=before.genome if before.digest == digest else genome_to_json(child.genome),
            digest=digest,
            donor=child.donor,
            proposer=child.proposer,
            source=None if source is None else (source.member, source.generation),
            tokens=self._rules.interval_tokens,
        )

    def _enact(self, in_force: Sequence[Event]) -> tuple[Task, ...]:
        """Take the orders that are now in the log into the population and make tasks of them."""
        state = self._state
        for event in in_force:  # the log's price, if a library now gives another one
            if isinstance(event, GenerationClosed) and event.price is not None:
                state.appraisal.price_is(event.price)
        price = state.appraisal.price_of_play
        orders = [event for event in in_force if isinstance(event, Ordered)]
        tasks = tuple(state.task(order, state.take(order), price_of_play=price) for order in orders)
        state.remember(tasks)
        return tasks

    def _conclude(self) -> tuple[Task, ...]:
        best = self._state.best()
        reason: StopReason = self._state.stopping or ("all_failed" if best is None else "budget")
        self._verdict = Verdict(
            winner=best,
            maker=None if best is None else self._state.maker(best.key),
            reason=reason,
            rules=self._rules,
            journal=self._journal,
        )
        return self._verdict.begin()
