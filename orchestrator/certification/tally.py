"""A certification as its events have told it so far; displays and certificate are read off it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.certification.plan import plan_from_json
from orchestrator.events import Assessed, CertificationFinished, CertificationStarted, Reported

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.certification.plan import Plan
    from orchestrator.events import Event


@dataclass(slots=True)
class Tally:
    """The events of a certification; `add` is the only thing that changes it."""

    started: CertificationStarted | None = None
    plan: Plan | None = None
    reports: dict[int, Reported] = field(default_factory=dict)
    """The latest of each training."""
    assessed: dict[int, Assessed] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    """Why trainings failed."""
    finished: bool = False

    def add(self, event: Event) -> None:
        """Take the next event of the log."""
        match event:
            case CertificationStarted():
                self.started, self.plan = event, plan_from_json(event.plan)
            case Reported(failure=str() as failure):
                self.reports[event.member] = event
                self.failures[event.member] = failure
            case Reported():
                self.reports[event.member] = event
            case Assessed():
                self.assessed[event.member] = event
            case CertificationFinished():
                self.finished = True

    @property
    def ended(self) -> int:
        """Trainings that have ended, well or not."""
        return len(self.assessed) + len(self.failures)

    @property
    def tokens(self) -> int:
        """Trained so far; what a failed training has left is counted as done."""
        assert self.plan is not None
        return sum(
            self.plan.tokens if member in self.failures else report.ledger.tokens
            for member, report in self.reports.items()
        )

    @property
    def total_tokens(self) -> int:
        """Of all trainings."""
        assert self.plan is not None
        return self.plan.members * self.plan.tokens


def tallied(events: Iterable[Event]) -> Tally:
    """Return the tally of the events."""
    tally = Tally()
    for event in events:
        tally.add(event)
    return tally
