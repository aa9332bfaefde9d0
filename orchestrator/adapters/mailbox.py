"""The mailbox: one small Ray actor through which tasks and states find their workers.

Tasks are pulled, not assigned: a worker that is free takes the next one, those first whose state it
already holds. So work moves to whoever is fast, and a worker that dies gives its tasks back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray

from orchestrator.adapters.environment import MAILBOX_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.observers import LiveProgress
    from orchestrator.tasks import StateKey, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A task in a worker's hands."""

    task: Task
    lost: int
    """Workers that died with this task in their hands."""


@dataclass(frozen=True, slots=True)
class Closed:
    """There will be no more tasks."""


class Mailbox:
    """Tasks, leases, offered states and progress; every method is quick and runs in one loop."""

    def __init__(self) -> None:
        self._waiting: list[Lease] = []
        self._leased: dict[int, list[Lease]] = {}
        self._incarnation: dict[int, str] = {}
        self._states: dict[StateKey, list[Any]] = {}
        self._progress: dict[int, LiveProgress] = {}
        self._closed = False
        self._changed = asyncio.Condition()

    async def post(self, tasks: Sequence[Task], needed: frozenset[StateKey]) -> None:
        """Add tasks; forget offered states that nobody may ask for any more."""
        async with self._changed:
            self._waiting += [Lease(task=task, lost=0) for task in tasks]
            for key in [key for key in self._states if key not in needed]:
                del self._states[key]
            self._changed.notify_all()

    async def begin(self, worker: int, incarnation: str) -> None:
        """Note that a worker's earlier tasks are answered, or lost if it is born anew."""
        leases = self._leased.pop(worker, [])
        reborn = self._incarnation.get(worker, incarnation) != incarnation
        self._incarnation[worker] = incarnation
        if reborn:
            await self._give_back(leases)

    async def release(self, worker: int) -> None:
        """Give the tasks of a worker that will not come back to the others."""
        await self._give_back(self._leased.pop(worker, []))

    async def _give_back(self, leases: list[Lease]) -> None:
        """Let others do them. Only the last was in hand: those before it were done, not told."""
        async with self._changed:
            for lease in leases[:-1]:
                self._waiting.append(lease)
            for lease in leases[-1:]:
                self._waiting.append(Lease(task=lease.task, lost=lease.lost + 1))
            self._changed.notify_all()

    async def lease(
        self, worker: int, incarnation: str, resident: Sequence[StateKey], *, wait: bool
    ) -> Lease | Closed | None:
        """Hand out the next task, waiting for one if asked to.

        A worker may die while it waits here, and its next life come before the task does: what it
        waited for is not handed to the dead.
        """
        async with self._changed:
            while wait and not self._waiting and not self._closed:
                await self._changed.wait()
            if self._closed:
                return Closed()
            if not self._waiting or self._incarnation.get(worker) != incarnation:
                return None
            at_home = set(resident)
            chosen = next((x for x in self._waiting if x.task.source in at_home), self._waiting[0])
            self._waiting.remove(chosen)
            self._leased.setdefault(worker, []).append(chosen)
            return chosen

    async def close(self) -> None:
        """Let every worker end, whatever is still waiting."""
        async with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    async def offer(self, key: StateKey, reference: list[Any]) -> None:
        """Offer a state; `reference` is a list so that Ray passes it on instead of resolving it."""
        self._states[key] = reference

    async def locate(self, key: StateKey) -> list[Any]:
        """Return a list of at most one reference."""
        return self._states.get(key, [])

    async def note(self, progress: LiveProgress) -> None:
        """Note how far a worker is."""
        self._progress[progress.member] = progress

    async def progress(self) -> tuple[LiveProgress, ...]:
        """Return how far each member is."""
        return tuple(self._progress.values())


def start_mailbox() -> Any:
    """Start the actor; it needs no CPU of its own."""
    return ray.remote(Mailbox).options(**MAILBOX_OPTIONS).remote()
