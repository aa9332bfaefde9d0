"""The mailbox: one small Ray actor through which tasks and states find their workers.

Tasks are pulled, not assigned: a worker that is free takes the next one, those first whose state it
already holds. So work moves to whoever is fast, and a worker that dies or falls silent gives its
tasks back (`orchestrator/leases.py`).

The mailbox may die, too: Ray starts it again, empty. Its `birth` then is another one; the driver
sees that and posts all open tasks again, workers tell what they hold. States that were offered
before are forgotten: checkpoints serve.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.adapters.nodes import this_node
from orchestrator.leases import Leases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.leases import Lease, WorkerLife
    from orchestrator.observers import LiveProgress
    from orchestrator.tasks import StateKey, Task, TaskName


@dataclass(frozen=True, slots=True)
class Closed:
    """There will be no more tasks."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """There are no more tasks on this node, which is about to be taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStatus:
    """What the driver asks for, a few times a second."""

    birth: str
    """Names the life of the mailbox: another one has forgotten everything."""
    progress: tuple[LiveProgress, ...]
    workers: int
    """Workers that are heard of."""
    silent: frozenset[int]
    """Workers whose tasks were given to others."""


class Mailbox:
    """Tasks, leases, offered states and progress; every method is quick and runs in one loop.

    Any call may be made twice (Ray repeats those that a dying mailbox did not answer): the second
    changes nothing.

    Args:
        stall_seconds: A worker that is not heard of for so long loses its tasks; none: never.
        spread: Generations by which members may be ahead of those that wait; none: any.
    """

    def __init__(self, stall_seconds: float | None = None, spread: int | None = None) -> None:
        self._birth = uuid.uuid4().hex
        self._leases = Leases(stall_seconds, spread=spread)
        self._states: dict[StateKey, tuple[int, list[Any]]] = {}
        self._progress: dict[int, LiveProgress] = {}
        self._closed = False
        self._changed = asyncio.Condition()

    async def post(self, tasks: Sequence[Task], needed: frozenset[StateKey] | None) -> str:
        """Add tasks; forget offered states that nobody may ask for any more.

        Args:
            tasks: Those that are here already are left alone.
            needed: States that may still be asked for; none: nothing is forgotten this time.

        Returns:
            The birth of the mailbox that has them now.
        """
        async with self._changed:
            self._leases.post(tasks)
            if needed is not None:
                for key in [key for key in self._states if key not in needed]:
                    del self._states[key]
            self._changed.notify_all()
        return self._birth

    async def begin(self, life: WorkerLife, told: Sequence[TaskName]) -> None:
        """Meet a worker whose last step's answers, `told`, were taken."""
        async with self._changed:
            self._leases.begin(life, told, now=time.monotonic())
            self._changed.notify_all()

    async def beat(self, life: WorkerLife, holding: Sequence[Lease]) -> None:
        """Hear that a worker lives, and what it holds."""
        self._leases.hear(life, holding, now=time.monotonic())

    async def release(self, worker: int) -> None:
        """Give the tasks of a worker that died to the others."""
        async with self._changed:
            self._leases.release(worker)
            self._changed.notify_all()

    async def settle(self, names: Sequence[TaskName]) -> None:
        """Forget tasks that are answered."""
        self._leases.settle(names)

    async def attend(self, living: frozenset[str], draining: frozenset[str]) -> None:
        """Learn which nodes live, and which of them are about to be taken away."""
        async with self._changed:
            self._leases.attend(living=living, draining=draining)
            self._changed.notify_all()

    async def lease(
        self, life: WorkerLife, resident: Sequence[StateKey], *, wait: bool
    ) -> Lease | Closed | Leaving | None:
        """Hand out the next task, waiting for one if asked to.

        A worker may die or fall silent while it waits here, and its next life come before the task
        does: what it waited for is not handed to the dead. None: begin anew.
        """
        async with self._changed:
            while True:
                if self._closed:
                    return Closed()
                if self._leases.must_leave(life):
                    return Leaving()
                lease = self._leases.take(life, resident)
                if lease is not None or not wait or not self._leases.may_work(life):
                    return lease
                await self._changed.wait()

    async def close(self) -> None:
        """Let every worker end, whatever is still waiting."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def offer(self, key: StateKey, reference: list[Any], worker: int) -> None:
        """Offer a state; `reference` is a list so that Ray passes it on instead of resolving it."""
        self._states[key] = worker, reference

    async def locate(self, key: StateKey) -> list[Any]:
        """Return a list of at most one reference; none whose owner is silent, and would not answer.

        Only its owner knows where an object is: who asks for it would wait.
        """
        worker, reference = self._states.get(key, (None, []))
        return [] if worker in self._leases.silent else reference

    async def note(self, progress: LiveProgress) -> None:
        """Note how far a worker is."""
        self._progress[progress.member] = progress

    async def status(self) -> MailboxStatus:
        """Return how far each member is and who is there, having looked for silent workers."""
        if self._leases.check(time.monotonic()):
            async with self._changed:
                self._changed.notify_all()
        return MailboxStatus(
            birth=self._birth,
            progress=tuple(self._progress.values()),
            workers=self._leases.workers,
            silent=self._leases.silent,
        )


MOST_CALLS = 100_000
"""Calls at once. Every idle worker is one that waits for a task: with fewer than there are workers,
no task could be posted any more."""


def start_mailbox(stall_seconds: float | None, spread: int | None) -> Any:
    """Start the actor beside the driver: no other node's end is its own; it needs no CPU."""
    beside = NodeAffinitySchedulingStrategy(node_id=this_node(), soft=False)
    actor = ray.remote(Mailbox).options(
        num_cpus=0,
        max_concurrency=MOST_CALLS,
        max_restarts=-1,
        max_task_retries=-1,
        scheduling_strategy=beside,
    )
    return actor.remote(stall_seconds, spread)
