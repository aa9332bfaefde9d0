"""What leads workers through their tasks: a search, or the certification of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.events import Assessed, Reported
    from orchestrator.tasks import StateKey, Task


class Conductor(Protocol):
    """A deterministic function of reports to tasks: `begin()`, then `receive` until `finished`.

    Knows nothing of Ray, files or clocks. What it decides is in a log before its effect, so going
    on with an interrupted one is beginning it and giving it the log's reports again.
    """

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""

    def begin(self) -> tuple[Task, ...]:
        """Return the first tasks."""

    def receive(self, report: Reported | Assessed) -> tuple[Task, ...]:
        """Take one answer of a worker and return the tasks that follow from it."""

    def needed_states(self) -> frozenset[StateKey]:
        """Return the states that a task, open or to come, may still ask for."""
