"""Rounds of one search under faults, each held against the same search undisturbed."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.clock import Clock
from tests.chaos.disk import Disk
from tests.chaos.faults import FAULTS
from tests.chaos.injection import PATIENCE_SECONDS, inject
from tests.chaos.losses import losses
from tests.chaos.machines import Machines
from tests.chaos.outcome import Outcome
from tests.chaos.record import missing_in_record
from tests.chaos.run_file import write_run_file
from tests.chaos.schedule import planned
from tests.chaos.subject import Subject
from tests.chaos.telling import told
from tests.chaos.tracking import Tracking
from tests.chaos.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.chaos.schedule import Planned

ROOT = Path(__file__).parents[2]
_LAST_GENERATIONS = 4
"""No fault strikes in these: a search needs two to recover, and some to delete what is old."""
_ROUND_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of what is done to the search."""

    kinds: Sequence[str] = tuple(FAULTS)
    seed: int = 1
    faults: int | None = 30
    """How many; none: until the time is over."""
    minutes: float | None = None
    generations: int = 150
    """Length of the search."""
    nodes: int = 3
    stop_seconds: float = 60.0
    tracking: bool = True


def run(plan: Plan, *, tell: Callable[[str], None] = print) -> Outcome:
    """Run the search undisturbed once, then round after round with faults.

    Args:
        plan: What is done.
        tell: Given a line for each thing that happens.
    """
    with ExitStack() as ending:
        scratch = Path(tempfile.mkdtemp(prefix="mc-", dir="/tmp"))  # short: sockets lie in it
        ending.callback(shutil.rmtree, scratch, ignore_errors=True)
        (scratch / "tmp").mkdir()
        machines = Machines(scratch, nodes=plan.nodes)
        ending.callback(machines.close)
        tracking = Tracking(scratch) if plan.tracking else None
        if tracking is not None:
            ending.callback(tracking.close)
        disk = Disk(scratch / "disk")
        ending.callback(disk.close)
        course = _Course(
            plan, scratch=scratch, machines=machines, tracking=tracking, disk=disk, tell=tell
        )
        ending.callback(course.close)
        return course.run()


class _Course:
    def __init__(self, plan, *, scratch, machines, tracking, disk, tell) -> None:
        self._plan = plan
        self._scratch = scratch
        self._machines = machines
        self._tracking = tracking
        self._disk = disk
        self._clock = Clock(scratch)
        self._tell = tell
        self._subject: Subject | None = None
        self._outcome = Outcome()
        self._run_file = write_run_file(
            scratch,
            generations=plan.generations,
            address=machines.address,
            tracking_uri=None if tracking is None else tracking.uri,
        )

    def close(self) -> None:
        if self._subject is not None:
            self._subject.close()

    def _begin(self, output: Path) -> Subject:
        self._subject = Subject(
            self._run_file,
            output,
            environment={
                **os.environ,
                **self._clock.environment,
                "MASGA_CACHE": str(self._scratch / "cache"),
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(self._scratch / "tmp"),
            },
            scratch=self._scratch,
        )
        self._subject.start()
        return self._subject

    def run(self) -> Outcome:
        outcome, plan = self._outcome, self._plan
        undisturbed = self._undisturbed()
        world = self._world(self._begin_round(1))
        outcome.obstacles = {
            kind: why for kind in plan.kinds if (why := FAULTS[kind].obstacle(world)) is not None
        }
        for kind, why in outcome.obstacles.items():
            self._tell(f"left out: {kind}: {why}")
        kinds = [kind for kind in plan.kinds if kind not in outcome.obstacles]
        faults = planned(kinds, seed=plan.seed)
        end = None if plan.minutes is None else time.monotonic() + 60 * plan.minutes
        number = 1
        while True:
            began = time.monotonic()
            self._round(world, faults, end)
            outcome.round_seconds.append(time.monotonic() - began)
            self._judge(world, undisturbed, number)
            if outcome.lost or self._is_over(end):
                return outcome
            number += 1
            world = self._world(self._begin_round(number))

    def _undisturbed(self) -> Path:
        """Run the search with nothing untoward; measure how long its generations take."""
        began = time.monotonic()
        subject = self._begin(self._scratch / "undisturbed")
        closings: list[float] = []
        while subject.returncode is None:
            closings += [time.monotonic()] * (subject.closed() - len(closings))
            time.sleep(0.05)
        if subject.returncode != 0:
            raise RuntimeError(f"the undisturbed search failed: {subject.words()[-2000:]}")
        outcome = self._outcome
        outcome.undisturbed_seconds = time.monotonic() - began
        outcome.generation_seconds = (closings[-1] - closings[0]) / (len(closings) - 1)
        outcome.failed_members = subject.content().count(b" became nan in ")
        self._tell(
            f"undisturbed: {len(closings)} generations in {outcome.undisturbed_seconds:.0f} s, "
            f"{outcome.generation_seconds:.2f} s a generation; {outcome.failed_members} intervals "
            "end in NaN by themselves"
        )
        return subject.directory

    def _begin_round(self, number: int) -> Subject:
        self._clock.set(0)
        return self._begin(self._disk.place / f"round-{number}")

    def _world(self, subject: Subject) -> World:
        return World(
            subject=subject,
            machines=self._machines,
            disk=self._disk,
            clock=self._clock,
            tracking=self._tracking,
            stop_seconds=self._plan.stop_seconds,
        )

    def _is_over(self, end: float | None) -> bool:
        enough = self._plan.faults is not None and (
            len(self._outcome.injections) >= self._plan.faults
        )
        return enough or (end is not None and time.monotonic() > end)

    def _round(self, world: World, faults: Iterator[Planned], end: float | None) -> None:
        """Inject faults until the search is near its end, then let it finish."""
        subject, outcome = world.subject, self._outcome
        last = self._plan.generations - _LAST_GENERATIONS
        while subject.closed() < last and not self._is_over(end):
            plan = next(faults)
            if not subject.await_lines(
                subject.lines() + plan.after_events, seconds=PATIENCE_SECONDS
            ):
                outcome.lost.append(
                    f"no progress, exit code {subject.returncode}: {subject.words()[-1000:]}"
                )
                return
            time.sleep(plan.delay_seconds)
            injection = inject(world, plan, generation_seconds=outcome.generation_seconds)
            outcome.injections.append(injection)
            self._tell(told(len(outcome.injections), injection))
            if injection.troubles:
                outcome.lost += injection.troubles
                return
        code = subject.wait(seconds=_ROUND_SECONDS)
        if code != 0:
            outcome.lost.append(f"the last life ended with {code}: {subject.words()[-1000:]}")

    def _judge(self, world: World, undisturbed: Path, number: int) -> None:
        outcome, subject = self._outcome, world.subject
        if not outcome.lost:
            outcome.lost += losses(subject.directory, undisturbed)
            if world.tracking is not None:
                outcome.lost += missing_in_record(subject, world.tracking, self._scratch)
        if not outcome.lost:
            self._tell(
                f"round {number}: the log, {subject.lines()} events, is that of the undisturbed "
                f"search; {outcome.round_seconds[-1]:.0f} s"
            )
            shutil.rmtree(subject.directory.parent)
