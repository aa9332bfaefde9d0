"""The driver's side of the loop: answers in, tasks out to the mailbox, old checkpoints away."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from typing import TYPE_CHECKING, Any

import ray

from orchestrator.events import Assessed, Reported, decode
from orchestrator.tasks import Assess, StateKey, answered
from trainers.folder import folder_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.conductor import Conductor
    from orchestrator.errors import UserError
    from orchestrator.tasks import Task, TaskName
    from trainers.folder import Folder

_LOG = logging.getLogger("masga")

TIDY_SHARE = 0.125
"""States that nobody needs are looked for when so many tasks were posted, beside those open and
those needed: looking costs as much as the population is large, and an asynchronous search posts
them one at a time."""
ASK_SECONDS = 1.0
"""Between two looks at whether an answer can still come."""


class CutOffError(ray.exceptions.RayError):  # type: ignore[misc]
    """No answer will come: this driver hangs on a node that has died."""


class Course:
    """Drives one conductor through a mailbox.

    An error in a decision (a full disk, say) is kept for the driver, and the workers are let go:
    nothing can be raised through Tune's loop without losing its cause.

    It knows which tasks are open: an answer to another one (of a worker that was taken for dead)
    changes nothing, and a mailbox that was lost is given the open ones again.

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
        self._open: dict[TaskName, Task] = {}
        self._birth: str | None = None
        self._lock = threading.RLock()
        self._since_tidied, self._until_tidy = 0, 0.0
        self.is_cut_off = False
        self.error: Exception | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do, or nothing can be done."""
        return self.error is not None or self._conductor.finished

    def deliver(
        self, reports: list[Any], error: UserError | None, doing: tuple[TaskName, ...] = ()
    ) -> None:
        """Take the reports of one worker's step, or the error that ended it.

        Args:
            reports: Encoded.
            error: What only the user can mend; none: nothing is amiss.
            doing: The tasks that met the error.
        """
        with self._lock:
            if self.error is not None:
                return
            if error is not None and doing and not self._open.keys() & set(doing):
                _LOG.warning("What went wrong with a task that others have done: %s", error)
                self._ask(self._mailbox.settle.remote(doing))
                return
            if error is not None:
                self._end(error)
                return
            try:
                for kind, lasting, beside in reports:
                    report = decode(kind, lasting, beside)
                    assert isinstance(report, Reported | Assessed)
                    self._take(report)
                if self._conductor.finished:
                    if self._keep is None:
                        self._prune(self._conductor.needed_states())
                    self._ask(self._mailbox.close.remote())
            except CutOffError:
                return
            except Exception as fault:  # noqa: BLE001 - raised again by the driver
                self._end(fault)

    def _take(self, report: Reported | Assessed) -> None:
        """Take one answer, the first to an open task."""
        if self._open.pop(answered(report), None) is None:
            return
        tasks = self._conductor.receive(report)
        if tasks:
            self.post(tasks)

    def _end(self, error: Exception) -> None:
        self.error = self.error or error
        with contextlib.suppress(CutOffError):
            self._ask(self._mailbox.close.remote())

    def cut_off(self, error: UserError) -> None:
        """Expect no answer any more, and let whoever waits for one go; waits for nobody itself."""
        self.is_cut_off = True
        if not self.is_over:
            self.error = error

    def _ask(self, answer: Any) -> Any:
        """Wait for the mailbox's answer.

        Raises:
            CutOffError: None will come.
        """
        while True:
            try:
                return ray.get(answer, timeout=ASK_SECONDS)
            except ray.exceptions.GetTimeoutError:
                if self.is_cut_off:
                    raise CutOffError from None

    def release(self, worker: int) -> None:
        """Give the tasks of a lost worker to the others."""
        with contextlib.suppress(CutOffError):
            self._ask(self._mailbox.release.remote(worker))

    def post(self, tasks: Iterable[Task]) -> None:
        """Hand out the costliest tasks first, so that no worker starts a long one last."""
        with self._lock:
            tasks = tuple(tasks)
            self._open |= {task.name: task for task in tasks}
            self._since_tidied += len(tasks)
            if self._since_tidied < self._until_tidy:
                self.meet(self._send(tasks, None))
            else:
                needed = self._conductor.needed_states()
                self.meet(self._send(tasks, needed))
                self._prune(needed)
                self._since_tidied = 0
                self._until_tidy = TIDY_SHARE * (len(needed) + len(self._open))
            if self._conductor.finished:
                self._ask(self._mailbox.close.remote())

    def meet(self, birth: str) -> None:
        """Meet the mailbox; if it is not the one that knew the open tasks, tell it of them.

        Args:
            birth: Names its present life.
        """
        with self._lock:
            if self._birth is not None and birth != self._birth:
                _LOG.warning("The mailbox was lost and began again; open tasks are handed out anew")
                birth = self._send(tuple(self._open.values()), self._conductor.needed_states())
                if self.is_over:
                    self._ask(self._mailbox.close.remote())
            self._birth = birth

    def _send(self, tasks: tuple[Task, ...], needed: frozenset[StateKey] | None) -> str:
        ordered = sorted(tasks, key=_cost, reverse=True)
        return str(self._ask(self._mailbox.post.remote(ordered, needed)))

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
