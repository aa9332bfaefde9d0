"""Who does which task: what waits, what is in whose hands, what goes back. Knows no Ray, no clock.

Laws, whoever dies, falls silent or comes back: a task that was posted and not answered is in one
place at least, waiting or in a living worker's hands; it waits once at most; a worker is handed
nothing after it died, fell silent or was told to leave, until it begins anew.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.tasks import StateKey, Task, TaskName


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A task in a worker's hands."""

    task: Task
    lost: int
    """Workers that died with this task in their hands, on nodes that lived on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLife:
    """One life of a worker: a new process of the same number is another one."""

    worker: int
    incarnation: str
    node: str
    """Where it lives, as the cluster names it."""


@dataclass(slots=True)
class _Present:
    life: WorkerLife
    heard: float
    """When it was last heard of, seconds of the caller's clock."""
    silent: bool = False
    """Its tasks were given to others."""


class Leases:
    """The tasks that are open, and the workers that may have them.

    Args:
        stall_seconds: A worker that is not heard of for so long loses its tasks; none: never.
        spread: A task is not handed out while one waits that is so many generations younger, and
            one more: members stay abreast, however fast a worker is. None: in any order.
    """

    def __init__(self, stall_seconds: float | None = None, *, spread: int | None = None) -> None:
        self._stall = stall_seconds
        self._spread = spread
        self._checked: float | None = None
        self._waiting: dict[TaskName, Lease] = {}
        self._place: dict[TaskName, int] = {}
        self._places = itertools.count()
        self._by_source: dict[StateKey, dict[TaskName, None]] = {}
        self._by_generation: dict[int, dict[TaskName, None]] = {}
        self._held: dict[int, dict[TaskName, Lease]] = {}
        self._present: dict[int, _Present] = {}
        self._living: frozenset[str] | None = None
        self._draining: frozenset[str] = frozenset()

    @property
    def workers(self) -> int:
        """Workers that are heard of."""
        return sum(not present.silent for present in self._present.values())

    @property
    def silent(self) -> frozenset[int]:
        """Workers whose tasks were given to others, since nothing was heard of them."""
        return frozenset(worker for worker, p in self._present.items() if p.silent)

    def post(self, tasks: Iterable[Task]) -> None:
        """Add tasks, but for those that are here already: posting them again changes nothing."""
        held = {name for leases in self._held.values() for name in leases}
        for task in tasks:
            if task.name not in held:
                self._wait(Lease(task=task, lost=0))

    def begin(self, life: WorkerLife, told: Sequence[TaskName], *, now: float) -> None:
        """Meet a worker at the beginning of a step.

        Args:
            life: Who it is.
            told: Tasks whose answers its last step gave, which have been taken. What else it was
                handed never reached it, or it could not do it.
            now: The caller's clock, seconds.
        """
        before = self._present.get(life.worker)
        if before is not None and before.life.incarnation != life.incarnation:
            self.release(life.worker)
        held = self._held.pop(life.worker, {})
        for name in told:
            held.pop(name, None)
            self._take_away(name)
        for lease in held.values():
            self._wait(lease)
        self._present[life.worker] = _Present(life, heard=now)

    def release(self, worker: int) -> None:
        """Give back the tasks of a worker that died.

        Only the last was in hand: those before it were done, not told. Where its node has gone
        or goes, it did not die of the task.
        """
        present = self._present.pop(worker, None)
        held = tuple(self._held.pop(worker, {}).values())
        its_own = present is None or not self._has_left(present.life.node)
        for lease in held[:-1]:
            self._wait(lease)
        for lease in held[-1:]:
            self._wait(replace(lease, lost=lease.lost + its_own))

    def settle(self, names: Iterable[TaskName]) -> None:
        """Forget tasks that are answered, wherever they are."""
        for name in names:
            self._take_away(name)
            for held in self._held.values():
                held.pop(name, None)

    def hear(self, life: WorkerLife, holding: Sequence[Lease], *, now: float) -> None:
        """Hear that a worker lives; one that is not known (all was forgotten) keeps its tasks."""
        present = self._present.get(life.worker)
        if present is None:
            self._present[life.worker] = _Present(life, heard=now)
            for lease in holding:
                self._take_away(lease.task.name)
                self._held.setdefault(life.worker, {})[lease.task.name] = lease
        elif present.life.incarnation == life.incarnation:
            present.heard = now

    def take(self, life: WorkerLife, resident: Iterable[StateKey]) -> Lease | None:
        """Hand out a task, the first of those whose state is resident, or else the first."""
        if not self._waiting or not self.may_work(life):
            return None
        at_home = self._by_source.keys() & set(resident)
        names = [name for key in at_home for name in self._by_source[key]]
        first = next(iter(self._waiting))
        if self._spread is not None:
            youngest = min(self._by_generation)
            first = next(iter(self._by_generation[youngest]))
            names = [name for name in names if name[2] <= youngest + self._spread]
        name = min(names, key=self._place.__getitem__, default=first)
        lease = self._take_away(name)
        assert lease is not None
        self._held.setdefault(life.worker, {})[name] = lease
        return lease

    def may_work(self, life: WorkerLife) -> bool:
        """Return whether it is known, in this life, has been heard of, and need not leave."""
        present = self._present.get(life.worker)
        return (
            present is not None
            and present.life.incarnation == life.incarnation
            and not present.silent
            and not self.must_leave(life)
        )

    def must_leave(self, life: WorkerLife) -> bool:
        """Return whether the worker's node is about to be taken away."""
        return life.node in self._draining

    def attend(self, *, living: frozenset[str], draining: frozenset[str]) -> None:
        """Learn which nodes live, and which of them are about to be taken away."""
        self._living, self._draining = living, draining

    def check(self, now: float) -> tuple[int, ...]:
        """Give the tasks of workers that have fallen silent to others; return these workers.

        Who asks must ask often: when nobody asked for long, it was the asker who slept, and then
        nobody is found silent.
        """
        if self._stall is None:
            return ()
        slept = self._checked is not None and now - self._checked > self._stall / 2
        self._checked = now
        found = []
        for worker, present in self._present.items():
            if slept:
                present.heard = now
            if not present.silent and now - present.heard > self._stall:
                present.silent = True
                found.append(worker)
                for lease in self._held.pop(worker, {}).values():
                    self._wait(lease)
        return tuple(found)

    def _has_left(self, node: str) -> bool:
        return node in self._draining or (self._living is not None and node not in self._living)

    def _wait(self, lease: Lease) -> None:
        task = lease.task
        if task.name not in self._waiting:
            self._waiting[task.name] = lease
            self._place[task.name] = next(self._places)
            self._by_generation.setdefault(task.key.generation, {})[task.name] = None
            if task.source is not None:
                self._by_source.setdefault(task.source, {})[task.name] = None

    def _take_away(self, name: TaskName) -> Lease | None:
        lease = self._waiting.pop(name, None)
        self._place.pop(name, None)
        if lease is not None:
            task = lease.task
            _drop(self._by_generation, task.key.generation, name)
            if task.source is not None:
                _drop(self._by_source, task.source, name)
        return lease


def _drop(index: dict[Any, dict[TaskName, None]], key: StateKey | int, name: TaskName) -> None:
    del index[key][name]
    if not index[key]:
        del index[key]
