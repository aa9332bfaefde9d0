"""The course of a certification: reports in, tasks out, as `Search` is for a search.

Every training goes its way alone: nothing is compared before all have ended. So the results do not
depend on the order of the reports, nor on the number of workers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.events import Assessed, CertificationFinished, Ledger, Ordered, Reported
from orchestrator.tasks import Assess, StateKey, Train
from search_spaces.genome import genome_to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.certification.plan import Plan
    from orchestrator.events import Decision
    from orchestrator.journal import Journal
    from orchestrator.tasks import Task


class Certification:
    """A conductor that trains every arm once for each replicate and assesses what it became.

    Args:
        plan: What is trained.
        journal: Where events go before they take effect.
    """

    def __init__(self, plan: Plan, journal: Journal) -> None:
        self._plan = plan
        self._journal = journal
        self._legs = {arm.name: plan.legs(arm) for arm in plan.arms}
        self._open: dict[int, Task] = {}
        self._failed: set[int] = set()
        self._finished = False

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self._finished

    def needed_states(self) -> frozenset[StateKey]:
        """Return the states that open tasks start from, might have to make again, or make."""
        keys: set[StateKey] = set()
        for task in self._open.values():
            keys.add(task.key)
            for source in (task.source, None if task.before is None else task.before.source):
                if source is not None:
                    keys.add(source)
        return frozenset(keys)

    def begin(self) -> tuple[Task, ...]:
        """Order the first interval of every training."""
        starts = [self._train(member, 0, Ledger()) for member in range(self._plan.members)]
        self._journal.record([self._order(task) for task in starts])
        return self._opened(starts)

    def receive(self, report: Reported | Assessed) -> tuple[Task, ...]:
        """Take one answer of a worker and return what follows.

        An answer to a task that is not open (a worker came back from the dead) changes nothing.
        """
        task = self._open.get(report.member)
        if task is None or task.key.generation != report.generation:
            return ()
        match task, report:
            case Train(), Reported(failure=None):
                return self._go_on(task, report)
            case Train(), Reported():
                self._failed.add(report.member)
            case Assess(), Assessed():
                pass
            case _:
                return ()
        self._journal.record([report])
        del self._open[report.member]
        if not self._open:
            self._journal.record([CertificationFinished(failures=len(self._failed))])
            self._finished = True
        return ()

    def _go_on(self, task: Train, report: Reported) -> tuple[Task, ...]:
        legs = self._legs[self._plan.arm_of(task.member).name]
        if task.generation + 1 < len(legs):
            going_on = self._train(task.member, task.generation + 1, report.ledger, before=task)
            self._journal.record([report, self._order(going_on)])
            return self._opened([going_on])
        self._journal.record([report])
        made = replace(task, before=None)
        final = Assess(role="replicate", source=task.key, genome=task.genome, before=made)
        return self._opened([final])

    def _opened(self, tasks: Iterable[Task]) -> tuple[Task, ...]:
        opened = tuple(tasks)
        self._open |= {task.key.member: task for task in opened}
        return opened

    def _train(
        self, member: int, generation: int, ledger: Ledger, *, before: Train | None = None
    ) -> Train:
        plan = self._plan
        leg = self._legs[plan.arm_of(member).name][generation]
        return Train(
            member=member,
            generation=generation,
            genome=leg.genome,
            source=None if before is None else before.key,
            tokens=leg.tokens,
            ledger=ledger,
            seed=plan.weight_seed(member, leg.part),
            before=None if before is None else replace(before, before=None),
            data_seed=plan.data_seed(member),
        )

    def _order(self, task: Train) -> Ordered:
        before = task.before
        decision: Decision = "start"
        if before is not None:
            decision = "continue" if before.genome == task.genome else "replace"
        return Ordered(
            member=task.member,
            generation=task.generation,
            decision=decision,
            genome=genome_to_json(task.genome),
            digest=task.genome.digest,
            donor=task.member if decision == "replace" else None,
            proposer=self._plan.arm_of(task.member).name if before is None else None,
            source=None if task.source is None else (task.source.member, task.source.generation),
            tokens=task.tokens,
        )
