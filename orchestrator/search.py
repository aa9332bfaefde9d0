"""The course of a search: reports in, tasks out. Knows nothing of Ray, files or clocks.

`Search` is a deterministic function of its rules and of the reports that it receives, in the order
in which it receives them; a synchronous search does not depend on that order either. So resuming
is replaying: `begin()`, then every report of the log; tasks still open are handed out again.

    begin() -> tasks ... receive(report) -> tasks ... until `finished`
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from orchestrator.appraisal import Appraisal
from orchestrator.census import Census
from orchestrator.events import Assessed, GenerationClosed, Ordered, Scored
from orchestrator.generation import breed, observations
from orchestrator.population import Life, MemberRecord, changed, inherited
from orchestrator.schedule import follow
from orchestrator.tasks import StateKey, Train, task_seed
from orchestrator.verdict import Verdict
from search_spaces.genome import genome_from_json, genome_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.appraisal import Score
    from orchestrator.events import Event, Reported
    from orchestrator.generation import Child
    from orchestrator.journal import Journal
    from orchestrator.population import Outcome
    from orchestrator.rules import Rules
    from orchestrator.tasks import Task

StopReason = Literal["budget", "target_loss", "stagnation", "all_failed"]

MAKERS = 3
"""Tasks a member that may be remembered before those that nobody needs are looked for: two of each
are needed, and looking costs as much as the population is large."""


class Search:
    """One search from its first orders to its verdict.

    Args:
        rules: What decides it.
        journal: Where events go before they take effect.
    """

    def __init__(self, rules: Rules, journal: Journal) -> None:
        self._rules = rules
        self._journal = journal
        self._census = Census()
        self._inbox: dict[int, Reported] = {}
        self._makers: dict[StateKey, Train] = {}
        self._closed = -1
        self._best_life: Life | None = None
        self._best_generation = 0
        self._tokens, self._flops = 0, 0.0
        self._stopping: StopReason | None = None
        self._appraisal = Appraisal(rules)
        self._verdict: Verdict | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self._verdict is not None and self._verdict.finished

    @property
    def records(self) -> tuple[MemberRecord, ...]:
        """The population, by member."""
        return self._census.records

    def needed_states(self) -> frozenset[StateKey]:
        """Return the states that a living member or an open order may still ask for."""
        keys: set[StateKey] = set()
        for record in self._census.records:
            if record.running is not None and record.order.source is not None:
                keys.add(StateKey(*record.order.source))
            if record.outcome is not None and not record.outcome.failed:
                keys.add(record.outcome.key)
        if self._verdict is not None:
            keys |= self._verdict.needed_states()
        return frozenset(keys)

    def begin(self) -> tuple[Task, ...]:
        """Order the first generation."""
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
        return self._enact(self._journal.record(orders))

    def receive(self, report: Reported | Assessed) -> tuple[Task, ...]:
        """Take one answer of a worker and return the tasks that follow from it.

        An answer to an order that is not open (a worker came back from the dead) changes nothing.
        """
        if self._verdict is not None:
            return self._verdict.receive(report)
        if isinstance(report, Assessed) or not self._awaits(report):
            return ()
        if self._rules.mode == "asynchronous":
            return self._advance((report,))
        self._inbox[report.member] = report
        if len(self._inbox) < len(self._census):
            return ()
        reports = tuple(self._inbox[member] for member in sorted(self._inbox))
        self._inbox.clear()
        return self._advance(reports)

    def _awaits(self, report: Reported) -> bool:
        record = self._census.get(report.member)
        return (
            record is not None
            and record.running is not None
            and record.order.generation == report.generation
        )

    def _advance(self, reports: tuple[Reported, ...]) -> tuple[Task, ...]:
        """Score the reports, decide about their members and order what comes next."""
        events: list[Event] = [*reports, *self._take(reports)]
        events += self._close_generations()
        due = [self._census[report.member] for report in reports]
        if self._rules.proposers is not None:
            self._rules.proposers.observe(observations(census=self._census, due=due))
        going_on = [r for r in due if r.order.generation + 1 < self._rules.generations]
        if self._stopping is None and going_on:
            events += self._order(going_on)
        tasks = self._enact(self._journal.record(events))
        if not self._census.running:
            tasks += self._conclude()
        return tasks

    def _take(self, reports: tuple[Reported, ...]) -> list[Scored]:
        """Enter reports into the population; those that come together are scored together."""
        scores = self._appraisal.score(reports, self._census)
        return [self._enter(report, score) for report, score in zip(reports, scores, strict=True)]

    def _enter(self, report: Reported, score: Score) -> Scored:
        fitness = score.fitness
        record = self._census[report.member]
        self._census.enter(record.answered(report, fitness, price=score.price, gflops=score.gflops))
        self._tokens += report.interval_tokens
        self._flops += report.interval_flops
        return Scored(
            member=report.member,
            generation=report.generation,
            fitness=None if fitness is None else fitness.value,
            parts={} if fitness is None else fitness.to_json(),
        )

    def _best(self) -> Outcome | None:
        """Return the fittest newest outcome; of equals, that of the lowest member."""
        outcomes = (record.outcome for record in self._census.records)
        living = [(o, o.fitness) for o in outcomes if o is not None and o.fitness is not None]
        found = max(living, key=lambda pair: (pair[1].value, -pair[0].key.member), default=None)
        return None if found is None else found[0]

    def _close_generations(self) -> list[Event]:
        """Close every generation that all members have now reported, and judge whether to stop."""
        events: list[Event] = []
        for generation in range(self._closed + 1, self._census.reached + 1):
            best = self._best()
            fitness = None if best is None or best.fitness is None else best.fitness.value
            loss = None if best is None else best.loss
            priced = self._appraisal.close(generation, self._census.records)
            events.append(
                GenerationClosed(
                    generation=generation,
                    best_member=None if best is None else best.key.member,
                    best_loss=loss,
                    best_fitness=fitness,
                    tokens=self._tokens,
                    flops=self._flops,
                    price=None if priced is None else priced.value,
                    price_reason=None if priced is None else priced.reason,
                )
            )
            self._closed = generation
            if best is not None and best.life.is_fitter_than(self._best_life):
                self._best_life, self._best_generation = best.life, generation
            if self._stopping is None:
                self._stopping = self._stop_reason(generation, loss)
        return events

    def _stop_reason(self, generation: int, best_loss: float | None) -> StopReason | None:
        rules = self._rules
        if (
            rules.target_loss is not None
            and best_loss is not None
            and best_loss <= rules.target_loss
        ):
            return "target_loss"
        patience = rules.stagnation_generations
        if patience is not None and generation - self._best_generation >= patience:
            return "stagnation"
        if rules.budget_flops is not None and self._flops >= rules.budget_flops:
            return "budget"
        return None

    def _order(self, due: list[MemberRecord]) -> list[Event]:
        rules = self._rules
        if rules.schedule is not None:
            return [self._to_order(child) for child in follow(rules.schedule, due)]
        generation = max(record.order.generation for record in due) + 1
        children = breed(
            census=self._census,
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
        source, digest, before = child.source, child.genome.digest, self._census[child.member].order
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
        for event in in_force:  # the log's price, if a library now gives another one
            if isinstance(event, GenerationClosed) and event.price is not None:
                self._appraisal.price_is(event.price)
        orders = [event for event in in_force if isinstance(event, Ordered)]
        tasks = tuple(self._enact_one(order) for order in orders)
        # one level deep: the state before the source rests in a checkpoint of its own
        self._makers |= {task.key: replace(task, before=None) for task in tasks}
        if len(self._makers) > MAKERS * len(self._census):
            self._forget_makers()
        return tasks

    def _forget_makers(self) -> None:
        """Forget the tasks whose states nobody can ask for any more."""
        wanted = self.needed_states() | {
            StateKey(record.member, record.order.generation) for record in self._census.records
        }
        self._makers = {key: made for key, made in self._makers.items() if key in wanted}

    def _enact_one(self, order: Ordered) -> Train:
        # an order changes no outcome: those of its own batch all see the same ones
        parent = None if order.source is None else self._census[order.source[0]].outcome
        if parent is not None and parent.life.genome.digest == order.digest:
            genome = parent.life.genome  # the same one, and so not one more in memory
        else:
            genome = genome_from_json(order.genome)
        if parent is None:
            life = Life(genome=genome)
        elif order.decision == "replace" and order.donor != order.member:
            life = inherited(parent.life, genome)
        else:
            life = changed(parent.life, genome)
        if order.decision != "continue":
            self._appraisal.born(order.member)
        record = self._census.get(order.member)
        self._census.enter(
            MemberRecord(member=order.member, order=order, running=life)
            if record is None
            else record.ordered(order, life)
        )
        source = None if order.source is None else StateKey(*order.source)
        return Train(
            member=order.member,
            generation=order.generation,
            genome=genome,
            source=source,
            tokens=order.tokens,
            ledger=life.ledger,
            seed=self._seed(order),
            price=self._appraisal.price_of_play,
            before=None if source is None else self._makers.get(source),
        )

    def _seed(self, order: Ordered) -> int:
        schedule = self._rules.schedule
        if schedule is not None:
            return schedule.at(order.generation).seed
        return task_seed(self._rules.seed, order)

    def _conclude(self) -> tuple[Task, ...]:
        best = self._best()
        reason: StopReason = self._stopping or ("all_failed" if best is None else "budget")
        self._verdict = Verdict(
            winner=best,
            maker=None if best is None else self._makers.get(best.key),
            reason=reason,
            rules=self._rules,
            journal=self._journal,
        )
        return self._verdict.begin()
