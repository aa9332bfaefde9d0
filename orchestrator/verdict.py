"""The verdict: the winner on held-out text, beside a default genome of its size and tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.events import Assessed, Ledger, Ordered, Reported, SearchFinished
from orchestrator.tasks import Assess, StateKey, Train, task_seed
from search_spaces.genome import genome_to_json
from search_spaces.gpt.batches import scalar
from search_spaces.gpt.cost import count_parameters
from search_spaces.gpt.priors import step_law_batch_tokens
from search_spaces.gpt.resize import resize_to_parameters
from search_spaces.limits import Limits

if TYPE_CHECKING:
    from typing import Literal

    from orchestrator.journal import Journal
    from orchestrator.population import Outcome
    from orchestrator.rules import Rules
    from orchestrator.tasks import Task
    from search_spaces.genome import Genome
    from search_spaces.space import Space


class Verdict:
    """The last stage of a search: `begin()`, then `receive(report)` until `finished`.

    The baseline is trained as a member of its own, numbered after the population, from fresh
    weights, in the same intervals; it is never selected and its tokens are not of the budget.

    Args:
        winner: Whom to assess; none: every member failed.
        maker: The task that made the winner's state.
        reason: Why the search ends.
        rules: Of the search.
        journal: Where events go before they take effect.
    """

    def __init__(
        self,
        *,
        winner: Outcome | None,
        maker: Train | None,
        reason: Literal["budget", "target_loss", "stagnation", "all_failed"],
        rules: Rules,
        journal: Journal,
    ) -> None:
        self._winner = winner
        self._maker = maker
        self._reason: Literal["budget", "target_loss", "stagnation", "all_failed"] = reason
        self._rules = rules
        self._journal = journal
        self._assessed: dict[str, Assessed] = {}
        self._awaited: set[str] = set()
        self._genome: Genome | None = None
        self._open: Train | None = None
        self._training = False
        self.finished = False

    def needed_states(self) -> frozenset[StateKey]:
        """Return the states that this stage may still ask for."""
        keys: set[StateKey] = set()
        if self._winner is not None:
            keys.add(self._winner.key)
        if self._open is not None:
            keys.add(self._open.key)
            if self._open.source is not None:
                keys.add(self._open.source)
        return frozenset(keys)

    def begin(self) -> tuple[Task, ...]:
        """Assess the winner and start the baseline."""
        if self._winner is None:
            return self._finish()
        tasks: list[Task] = [
            Assess(
                role="winner",
                source=self._winner.key,
                genome=self._winner.life.genome,
                before=self._maker,
            )
        ]
        self._awaited.add("winner")
        if self._rules.baseline:
            self._genome = default_of_size(
                self._rules.space,
                count_parameters(self._winner.life.genome.architecture),
                horizon_tokens=self._rules.horizon_tokens,
            )
            self._awaited.add("baseline")
            tasks.append(self._order(0, Ledger()))
        return tuple(tasks)

    def receive(self, report: Reported | Assessed) -> tuple[Task, ...]:
        """Take one answer and return what follows.

        An answer to a task that is not open (a worker came back from the dead) changes nothing.
        """
        match report:
            case Assessed(role=role) if role in self._awaited and role not in self._assessed:
                self._assessed[role] = report
            case Reported() if self._awaits(report):
                return self._continue(report)
            case _:
                return ()
        return self._finish() if self._assessed.keys() >= self._awaited else ()

    def _awaits(self, report: Reported) -> bool:
        task = self._open if self._training else None
        return task is not None and task.key == StateKey(report.member, report.generation)

    def _order(self, generation: int, ledger: Ledger) -> Train:
        assert self._genome is not None
        assert self._winner is not None
        rules = self._rules
        member = rules.members
        left = self._winner.life.ledger.tokens - ledger.tokens
        source = None if generation == 0 else (member, generation - 1)
        order = Ordered(
            member=member,
            generation=generation,
            decision="baseline",
            genome=genome_to_json(self._genome),
            digest=self._genome.digest,
            source=source,
            tokens=min(rules.interval_tokens, left),
        )
        self._journal.record([order])
        self._open = Train(
            member=member,
            generation=generation,
            genome=self._genome,
            source=None if source is None else StateKey(*source),
            tokens=order.tokens,
            ledger=ledger,
            seed=task_seed(rules.seed, order),
            before=None if self._open is None else replace(self._open, before=None),
        )
        self._training = True
        return self._open

    def _continue(self, report: Reported) -> tuple[Task, ...]:
        assert self._winner is not None
        assert self._genome is not None
        self._training = False
        self._journal.record([report])
        if report.failure is not None:
            self._awaited.discard("baseline")
            self._open = None
            return self._finish() if self._assessed.keys() >= self._awaited else ()
        if report.ledger.tokens < self._winner.life.ledger.tokens:
            return (self._order(report.generation + 1, report.ledger),)
        key = StateKey(report.member, report.generation)
        made = None if self._open is None else replace(self._open, before=None)
        return (Assess(role="baseline", source=key, genome=self._genome, before=made),)

    def _finish(self) -> tuple[Task, ...]:
        winner = self._winner
        self._journal.record(
            [
                *(self._assessed[role] for role in sorted(self._assessed, reverse=True)),
                SearchFinished(
                    reason=self._reason,
                    winner=None if winner is None else winner.key.member,
                    generation=None if winner is None else winner.key.generation,
                    digest=None if winner is None else winner.life.genome.digest,
                ),
            ]
        )
        self.finished = True
        return ()


WIDE_GENES = ("num_layers", "d_model", "num_heads", "num_kv_heads", "d_ff", "batch_tokens")


def default_of_size(space: Space, parameters: int, *, horizon_tokens: int) -> Genome:
    """Return the space's default genome, scaled to a number of parameters.

    The batch is Step Law's for the horizon. The learning rate stays the default's: Step Law
    was fitted at 60M parameters and more and runs too hot below (350k parameters, 0.49M tokens
    of wiki_vital: 3.60 bits per byte with its 0.0117, 3.11 with the default's 0.003). The run may
    have narrowed the genes of size so far that the default could not reach the winner's count;
    here they are as wide as declared.
    """
    wide = space.narrowed(**{name: space.gene(name).declared for name in WIDE_GENES})
    wide = wide.limited(Limits())
    resized = resize_to_parameters(wide, space.default(), parameters)
    tokens = round(step_law_batch_tokens(tokens=horizon_tokens))
    batch = scalar(wide, "batch_tokens").clip(tokens)
    return wide.repair(wide.with_genes(resized, {"batch_tokens": batch})).genome
