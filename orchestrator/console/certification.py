"""A certification as it goes: a line a training that ends, or a table that is redrawn."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator.certification.planning import TOLD
from orchestrator.certification.tally import Tally
from orchestrator.console.redrawn import Redrawn
from orchestrator.events import Assessed, CertificationStarted, Reported
from orchestrator.numerals import count, duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

    from orchestrator.events import Event
    from orchestrator.observers import LiveProgress


class CertificationLines:
    """Observer that prints a line when a training ends."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.tally = Tally()
        self._console = console
        self._pace = _Pace(clock)
        self._replayed = 0

    def on_event(self, event: Event, number: int, replayed: bool) -> None:  # noqa: ARG002, FBT001 - the Observer protocol
        """Print what the event says, if anything."""
        if self._replayed and not replayed:
            self._print(f"resumed after {self._replayed} events  {_ended(self.tally)}")
            self._replayed = 0
        self.tally.add(event)
        if replayed:
            self._replayed += 1
            return
        self._pace.begin(self.tally)
        line = _line(self.tally, event)
        if line is not None:
            self._print(f"{line}  {_ended(self.tally)}  {self._pace.told(self.tally, 0)}")

    def on_progress(self, progress: tuple[LiveProgress, ...]) -> None:
        """Lines say what has happened only."""

    def close(self) -> None:
        """Nothing is held open."""

    def _print(self, line: str) -> None:
        self._console.print(line.rstrip(), soft_wrap=True, highlight=False, markup=False)


class CertificationTable:
    """Observer that redraws the table of seeds and arms at most five times a second."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.tally = Tally()
        self._pace = _Pace(clock)
        self._progress: tuple[LiveProgress, ...] = ()
        self._redrawn = Redrawn(console, self._table, clock=clock)

    def on_event(self, event: Event, number: int, replayed: bool) -> None:  # noqa: ARG002, FBT001 - the Observer protocol
        """Take the event; a replayed one is drawn with the first new one."""
        self.tally.add(event)
        if replayed:
            return
        self._pace.begin(self.tally)
        self._redrawn.start()
        self._redrawn.at_times()

    def on_progress(self, progress: tuple[LiveProgress, ...]) -> None:
        """Take the trainings' progress."""
        self._progress = progress
        self._redrawn.at_times()

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._progress = ()
        self._redrawn.close()

    def _table(self) -> RenderableType:
        ahead = _ahead(self.tally, self._progress)
        told = f"{_ended(self.tally)}  {self._pace.told(self.tally, sum(ahead.values()))}"
        return Group(table(self.tally, ahead), Text(told))


def table(tally: Tally, ahead: dict[int, int]) -> RenderableType:
    """Return the trainings, a row a seed and a column an arm: bits per byte, or how far it is."""
    assert tally.plan is not None
    rows = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    rows.add_column("seed", justify="right")
    for arm in tally.plan.arms:
        rows.add_column(arm.name, justify="right", no_wrap=True)
    for replicate in range(tally.plan.replicates):
        members = [
            tally.plan.member(replicate=replicate, arm=at) for at in range(len(tally.plan.arms))
        ]
        rows.add_row(str(replicate + 1), *(_cell(tally, member, ahead) for member in members))
    return rows


def _cell(tally: Tally, member: int, ahead: dict[int, int]) -> str:
    assert tally.plan is not None
    if member in tally.assessed:
        return f"{tally.assessed[member].bits_per_byte:.4f}"
    if member in tally.failures:
        return "failed"
    report = tally.reports.get(member)
    done = (0 if report is None else report.ledger.tokens) + ahead.get(member, 0)
    return f"{done / tally.plan.tokens:.0%}" if done else "-"


def _ahead(tally: Tally, progress: tuple[LiveProgress, ...]) -> dict[int, int]:
    """Return the tokens of each training that are not reported yet."""
    return {
        p.member: p.tokens_done
        for p in progress
        if p.member not in tally.failures
        and (p.member not in tally.reports or tally.reports[p.member].generation < p.generation)
    }


def _line(tally: Tally, event: Event) -> str | None:
    assert tally.plan is not None
    match event:
        case CertificationStarted():
            return f"horizon {count(tally.plan.horizon_tokens)} tokens"
        case Assessed():
            said = f"{event.bits_per_byte:.4f} bits per byte"
        case Reported(failure=str() as failure):
            said = f"failed: {failure}"
        case _:
            return None
    arm = tally.plan.arm_of(event.member)
    replicate = tally.plan.replicate_of(event.member)
    return f"seed {replicate + 1}/{tally.plan.replicates}  {arm.name:<8}  {said}"


def _ended(tally: Tally) -> str:
    assert tally.plan is not None
    return f"{tally.ended}/{tally.plan.members} trainings"


class _Pace:
    """How fast the trainings of this session go."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun: tuple[float, int] | None = None

    def begin(self, tally: Tally) -> None:
        """Take the time at the first new event."""
        if self._begun is None:
            self._begun = self._clock(), tally.tokens

    def told(self, tally: Tally, ahead: int) -> str:
        """Say the pace and what is left, once there is one."""
        assert self._begun is not None
        seconds = self._clock() - self._begun[0]
        done = tally.tokens + ahead - self._begun[1]
        share = (tally.tokens + ahead) / tally.total_tokens
        if done <= 0 or seconds <= 0:
            return f"{share:4.0%} of the tokens"
        left = (tally.total_tokens - tally.tokens - ahead) * seconds / done
        ending = f"  {duration(left)} left" if not tally.finished and left > 0 else ""
        return f"{share:4.0%} of the tokens  {count(done / seconds)} tokens/s{ending}"


def legend(started: CertificationStarted) -> str:
    """Say what the arms are, a line each."""
    names = [arm["name"] for arm in started.plan["arms"]]
    return "\n".join(f"{name:<8}  {TOLD[name]}" for name in names)
