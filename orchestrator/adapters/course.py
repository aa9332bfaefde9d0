"""The driver's side of the loop: answers in, tasks out to the mailbox, old checkpoints away."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import ray

from orchestrator.events import Assessed, Reported, decode
from orchestrator.tasks import Assess, StateKey
from trainers.folder import folder_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.conductor import Conductor
    from orchestrator.errors import UserError
    from orchestrator.tasks import Task
    from trainers.folder import Folder


class Course:
    """Drives one conductor through a mailbox.

    An error in a decision (a full disk, say) is kept for the driver, and the workers are let go:
    nothing can be raised through Tune's loop without losing its cause.

    Args:
        conductor: What decides.
        mailbox: Handle of the mailbox actor.
        checkpoints: Folder of the checkpoints.
        keep_generations: Generations of checkpoints to keep behind the newest; none: only what is
            needed.
    """

    def __init__(
        self,
        *,
        conductor: Conductor,
        mailbox: Any,
        checkpoints: Path | Folder,
        keep_generations: int | None,
    ) -> None:
        self._conductor = conductor
        self._mailbox = mailbox
        self._checkpoints = folder_of(checkpoints)
        self._keep = keep_generations
        self.error: Exception | None = None

    def deliver(self, reports: list[Any], error: UserError | None) -> None:
        """Take the reports of one worker's step, or the error that ended it."""
        if self.error is not None:
            return
        if error is not None:
            self._end(error)
            return
        try:
            for kind, lasting, beside in reports:
                report = decode(kind, lasting, beside)
                assert isinstance(report, Reported | Assessed)
                tasks = self._conductor.receive(report)
                if tasks:
                    self.post(tasks)
            if self._conductor.finished:
                if self._keep is None:
                    self._prune(self._conductor.needed_states())
                ray.get(self._mailbox.close.remote())
        except Exception as fault:  # noqa: BLE001 - raised again by the driver
            self._end(fault)

    def _end(self, error: Exception) -> None:
        self.error = error
        ray.get(self._mailbox.close.remote())

    def release(self, worker: int) -> None:
        """Give the tasks of a lost worker to the others."""
        ray.get(self._mailbox.release.remote(worker))

    def post(self, tasks: Iterable[Task]) -> None:
        """Hand out the costliest tasks first, so that no worker starts a long one last."""
        needed = self._conductor.needed_states()
        ordered = sorted(tasks, key=_cost, reverse=True)
        ray.get(self._mailbox.post.remote(ordered, needed))
        self._prune(needed)
        if self._conductor.finished:
            ray.get(self._mailbox.close.remote())

    def _prune(self, needed: frozenset[StateKey]) -> None:
        """Delete checkpoints that no living member or open order needs, older ones than kept."""
        oldest = math.inf
        if self._keep is not None:
            oldest = min((key.generation for key in needed), default=0) + 1 - self._keep
        names = {str(key) for key in needed}
        self._checkpoints.drop(
            *(
                name
                for name in self._checkpoints.folders()
                if name[1:6].isdigit() and int(name[1:6]) < oldest and name not in names
            )
        )


def _cost(task: Task) -> float:
    """Guess how long a task takes: FLOPs of an interval, by the matrix parameters."""
    if isinstance(task, Assess):
        return 0.0
    a = task.genome.architecture
    width = sum(h * a.head_dim for h in a.num_heads) * 2 + sum(a.d_ff) * 2 + a.vocab_size
    return float(task.tokens * a.d_model * width)
