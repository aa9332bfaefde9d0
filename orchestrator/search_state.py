"""The state of a search: what its log has made of it so far, whoever decided it.

Events take their effect here, those that were just decided and those of a log that is followed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.appraisal import Appraisal
from orchestrator.census import Census
from orchestrator.common_tokens import abreast
from orchestrator.events import GenerationClosed
from orchestrator.population import Life, MemberRecord, changed, inherited
from orchestrator.snapshots.kept import Kept, Progress
from orchestrator.tasks import StateKey, Train, task_seed
from search_spaces.genome import genome_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.events import Ordered, Reported, StopReason
    from orchestrator.population import CurvePoint, Outcome
    from orchestrator.pricing import Priced
    from orchestrator.rules import Rules
    from orchestrator.score import Score

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
        self._closed_tokens: int | None = None
        self._best_life: Life | None = None
        self._best_generation = 0
        self._tokens, self._flops = 0, 0.0

    @classmethod
    def restored(cls, rules: Rules, kept: Kept) -> SearchState:
        """Return the state that was kept.

        Raises:
            ValueError: It is not one of such a search.
        """
        state = cls(rules)
        for record in kept.records:
            state.census.enter(record)
        state._makers = {task.key: task for task in kept.makers}
        state._best_life, progress = kept.best_life, kept.progress
        state.appraisal.go_on_with(progress.prices)
        state.stopping, state._best_generation = progress.stopping, progress.best_generation
        state._closed, state._closed_tokens = progress.closed, progress.closed_tokens
        state._tokens, state._flops = progress.tokens, progress.flops
        if missing := state.wanted_makers() - state._makers.keys():
            raise ValueError(f"states have makers, but these are missing: {missing}.")
        if rules.proposers is not None:
            rules.proposers.remember(kept.proposers)
        return state

    def kept(self) -> Kept:
        """Return all of it that decides how the search goes on, where its rules can be followed."""
        wanted = self.wanted_makers()
        proposers = self._rules.proposers
        return Kept(
            records=self.census.records,
            makers=tuple(task for key, task in self._makers.items() if key in wanted),
            best_life=self._best_life,
            progress=Progress(
                stopping=self.stopping,
                closed=self._closed,
                closed_tokens=self._closed_tokens,
                best_generation=self._best_generation,
                tokens=self._tokens,
                flops=self._flops,
                prices=self.appraisal.prices,
            ),
            proposers={} if proposers is None else proposers.memory(),
        )

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
        found = self._fittest([(o, o.life.curve[-1]) for o in outcomes if o and not o.failed])
        return None if found is None else found[0]

    def _fittest(self, seen: Sequence[tuple[Outcome, CurvePoint]]) -> tuple[Outcome, float] | None:
        """Return the outcome of the fittest point, and its fitness; all at the newest price."""
        price = self.appraisal.price_of_scores
        valued = [(o, point.repriced(price - o.life.price).fitness) for o, point in seen]
        return max(valued, key=lambda pair: (pair[1], -pair[0].key.member), default=None)

    def to_close(self) -> range:
        """Return the generations that all members have reported and that are not closed."""
        return range(self._closed + 1, self.census.reached + 1)

    def close(self, generation: int, priced: Priced | None) -> GenerationClosed:
        """Close a generation and judge whether to stop.

        Its best is the fittest at the common tokens of the living: bests of generations that close
        one after the other tell how the population learns, not who is ahead. Stagnation is judged
        by them; a generation that closes where the one before did, because a member has copied one
        that is behind, shows nothing of it and does not count. A target loss is the one that the
        winner would have if the search ended now.

        Args:
            generation: The next one to close.
            priced: What its front shows; the price is in force once the log tells of it.
        """
        level = abreast(self.census.records)
        found = self._fittest(level.members)
        best = None if found is None else found[0].life.until(level.tokens)
        self._closed = generation
        if best is not None and best.is_fitter_than(self._best_life):
            self._best_life, self._best_generation = best, generation
        elif not _is_further(level.tokens, self._closed_tokens):
            self._best_generation += 1
        self._closed_tokens = level.tokens
        if self.stopping is None:
            self.stopping = self._stop_reason(generation)
        return GenerationClosed(
            generation=generation,
            best_member=None if found is None else found[0].key.member,
            best_loss=None if best is None else best.curve[-1].loss,
            best_fitness=None if found is None else found[1],
            tokens=self._tokens,
            flops=self._flops,
            price=None if priced is None else priced.value,
            price_reason=None if priced is None else priced.reason,
        )

    def _stop_reason(self, generation: int) -> StopReason | None:
        rules = self._rules
        if rules.target_loss is not None:
            best = self.best()  # what the search would end with now
            if best is not None and best.loss <= rules.target_loss:
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

    def open_task(self, key: StateKey) -> Train | None:
        """Return the task that makes a state, with the one that made its source."""
        task = self._makers.get(key)
        if task is None or task.source is None:
            return task
        return replace(task, before=self._makers.get(task.source))

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


def _is_further(tokens: int | None, before: int | None) -> bool:
    """Return whether a generation closed at more tokens than the one before, if that is known."""
    return tokens is None or before is None or tokens > before
