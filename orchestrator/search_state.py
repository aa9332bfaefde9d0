"""The state of a search: what its log has made of it so far, whoever decided it.

Events take their effect here, those that were just decided and those of a log that is followed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from orchestrator.appraisal import Appraisal
from orchestrator.census import Census
from orchestrator.events import GenerationClosed
from orchestrator.population import Life, MemberRecord, changed, inherited
from orchestrator.tasks import StateKey, Train, task_seed
from search_spaces.genome import genome_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.appraisal import Score
    from orchestrator.events import Ordered, Reported
    from orchestrator.population import Outcome
    from orchestrator.pricing import Priced
    from orchestrator.rules import Rules

StopReason = Literal["budget", "target_loss", "stagnation", "all_failed"]

MAKERS = 3
"""Tasks a member that may be remembered before those that nobody needs are looked for: two of each
are needed, and looking costs as much as the population is large."""


class SearchState:
    """Population, spending and what they say about going on.

    Args:
        rules: Of the search.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.census = Census()
        self.appraisal = Appraisal(rules)
        self.stopping: StopReason | None = None
        """Why no more generations begin; none: they do."""
        self._makers: dict[StateKey, Train] = {}
        self._closed = -1
        self._best_life: Life | None = None
        self._best_generation = 0
        self._tokens, self._flops = 0, 0.0

    def needed_states(self) -> set[StateKey]:
        """Return the states that a living member or an open order may still ask for."""
        keys: set[StateKey] = set()
        for record in self.census.records:
            if record.running is not None and record.order.source is not None:
                keys.add(StateKey(*record.order.source))
            if record.outcome is not None and not record.outcome.failed:
                keys.add(record.outcome.key)
        return keys

    def awaits(self, report: Reported) -> bool:
        """Return whether the report answers an open order."""
        record = self.census.get(report.member)
        return (
            record is not None
            and record.running is not None
            and record.order.generation == report.generation
        )

    def enter(self, report: Reported, score: Score) -> None:
        """Enter a report and what it came to into the population."""
        self.census.enter(self.census[report.member].answered(report, score))
        self._tokens += report.interval_tokens
        self._flops += report.interval_flops

    def best(self) -> Outcome | None:
        """Return the fittest newest outcome; of equals, that of the lowest member."""
        outcomes = (record.outcome for record in self.census.records)
        living = [(o, o.fitness) for o in outcomes if o is not None and o.fitness is not None]
        found = max(living, key=lambda pair: (pair[1].value, -pair[0].key.member), default=None)
        return None if found is None else found[0]

    def to_close(self) -> range:
        """Return the generations that all members have reported and that are not closed."""
        return range(self._closed + 1, self.census.reached + 1)

    def close(self, generation: int, priced: Priced | None) -> GenerationClosed:
        """Close a generation and judge whether to stop.

        Args:
            generation: The next one to close.
            priced: What its front shows; the price is in force once the log tells of it.
        """
        best = self.best()
        fitness = None if best is None or best.fitness is None else best.fitness.value
        loss = None if best is None else best.loss
        self._closed = generation
        if best is not None and best.life.is_fitter_than(self._best_life):
            self._best_life, self._best_generation = best.life, generation
        if self.stopping is None:
            self.stopping = self._stop_reason(generation, loss)
        return GenerationClosed(
            generation=generation,
            best_member=None if best is None else best.key.member,
            best_loss=loss,
            best_fitness=fitness,
            tokens=self._tokens,
            flops=self._flops,
            price=None if priced is None else priced.value,
            price_reason=None if priced is None else priced.reason,
        )

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

    def take(self, order: Ordered) -> Life:
        """Take an order into the population; return the life that it begins or goes on with."""
        # an order changes no outcome: those of its own batch all see the same ones
        parent = None if order.source is None else self.census[order.source[0]].outcome
        if parent is not None and parent.report.digest == order.digest:
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
            self.appraisal.born(order.member)
        record = self.census.get(order.member)
        self.census.enter(
            MemberRecord(member=order.member, order=order, running=life)
            if record is None
            else record.ordered(order, life)
        )
        return life

    def task(self, order: Ordered, life: Life, *, price_of_play: float | None) -> Train:
        """Make the task of an order that was taken."""
        source = None if order.source is None else StateKey(*order.source)
        schedule = self._rules.schedule
        return Train(
            member=order.member,
            generation=order.generation,
            genome=life.genome,
            source=source,
            tokens=order.tokens,
            ledger=life.ledger,
            seed=task_seed(self._rules.seed, order)
            if schedule is None
            else schedule.at(order.generation).seed,
            price=price_of_play,
            before=None if source is None else self._makers.get(source),
        )

    def maker(self, key: StateKey) -> Train | None:
        """Return the task that made a state, while somebody may ask for it."""
        return self._makers.get(key)

    def remember(self, tasks: Iterable[Train]) -> None:
        """Remember which task makes which state, as long as somebody may ask for it."""
        # one level deep: the state before the source rests in a checkpoint of its own
        self._makers |= {task.key: replace(task, before=None) for task in tasks}
        if len(self._makers) > MAKERS * len(self.census):
            wanted = self.wanted_makers()
            self._makers = {key: made for key, made in self._makers.items() if key in wanted}

    def wanted_makers(self) -> set[StateKey]:
        """Return the states whose tasks may be asked for: those needed, and those being made."""
        return self.needed_states() | {
            StateKey(record.member, record.order.generation) for record in self.census.records
        }
