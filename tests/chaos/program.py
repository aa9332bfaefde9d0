"""Rounds of one search under faults, each held against the same search undisturbed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from orchestrator.storage.store import Store
from orchestrator.storage.working_copy import copy_of
from tests.chaos.clock import Clock
from tests.chaos.disk import Disk
from tests.chaos.faults import FAULTS
from tests.chaos.injection import MOST_RESUMES, PATIENCE_SECONDS, inject
from tests.chaos.losses import losses
from tests.chaos.machines import Machines
from tests.chaos.object_store import ObjectStore
from tests.chaos.outcome import Outcome
from tests.chaos.record import missing_in_record
from tests.chaos.run_file import NAME, write_run_file
from tests.chaos.schedule import planned
from tests.chaos.subject import Subject
from tests.chaos.telling import told
from tests.chaos.tracking import Tracking
from tests.chaos.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.chaos.schedule import Planned

ROOT = Path(__file__).parents[2]
_MOST_LOSSES = 10
"""Then it is known that something is wrong."""
_LAST_GENERATIONS = 4
"""No fault strikes in these: a search needs two to recover, and some to delete what is old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of what is done to the search."""

    kinds: Sequence[str] = tuple(FAULTS)
    seed: int = 1
    faults: int | None = 30
    """At least so many."""
    minutes: float | None = None
    """And for at least so long."""
    generations: int = 150
    """Length of the search."""
    nodes: int = 3
    stop_seconds: float = 60.0
    tracking: bool = True
    """Whether the search is recorded in MLflow."""
    store: bool = False
    """Whether it is kept in an object store."""


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
        os.environ["MASGA_CACHE"] = str(scratch / "cache")
        store = ObjectStore() if plan.store else None  # before the machines, for its credentials
        if store is not None:
            ending.callback(store.close)
        machines = Machines(scratch, nodes=plan.nodes)
        ending.callback(machines.close)
        tracking = Tracking(scratch) if plan.tracking else None
        if tracking is not None:
            ending.callback(tracking.close)
        disk = Disk(scratch / "disk")
        ending.callback(disk.close)
        course = _Course(
            plan,
            scratch=scratch,
            machines=machines,
            tracking=tracking,
            store=store,
            disk=disk,
            tell=tell,
        )
        ending.callback(course.close)
        return course.run()


class _Course:
    def __init__(self, plan, *, scratch, machines, tracking, store, disk, tell) -> None:
        self._plan = plan
        self._scratch = scratch
        self._machines = machines
        self._tracking = tracking
        self._store = store
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

    def _begin(self, output: Path | str, place: Path | str, directory: Path) -> Subject:
        self._subject = Subject(
            self._run_file,
            output,
            place=place,
            directory=directory,
            environment={
                **os.environ,
                **self._clock.environment,
                "PYTHONPATH": os.pathsep.join(
                    [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
                ),
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
        if not kinds:
            outcome.lost.append("none of these faults can be injected here")
            return outcome
        faults = planned(kinds, seed=plan.seed)
        end = None if plan.minutes is None else time.monotonic() + 60 * plan.minutes
        number = 1
        try:
            while True:
                began = time.monotonic()
                self._round(world, faults, end)
                outcome.round_seconds.append(time.monotonic() - began)
                self._judge(world, undisturbed, number)
                if self._is_over(end):
                    return outcome
                number += 1
                world = self._world(self._begin_round(number))
        except KeyboardInterrupt:
            self._tell(f"stopped: round {number} was not held against anything")
            return outcome

    def _undisturbed(self) -> Path:
        """Run the search with nothing untoward; measure how long its generations take."""
        began = time.monotonic()
        output = self._scratch / "undisturbed"
        subject = self._begin(output, output / NAME, output / NAME)
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
        name = f"round-{number}"
        if self._store is None:
            output = self._disk.place / name
            return self._begin(output, output / NAME, output / NAME)
        place = self._store.uri(f"{name}/{NAME}")
        copy = copy_of(Store.open(place, where="the chaos test"))
        return self._begin(self._store.uri(name), place, copy)

    def _world(self, subject: Subject) -> World:
        return World(
            subject=subject,
            machines=self._machines,
            disk=self._disk,
            clock=self._clock,
            tracking=self._tracking,
            store=self._store,
            stop_seconds=self._plan.stop_seconds,
        )

    def _is_over(self, end: float | None) -> bool:
        """Whether as many faults as planned have struck, for as long as planned."""
        if len(self._outcome.lost) >= _MOST_LOSSES:
            return True
        number = len(self._outcome.injections)
        return number >= (self._plan.faults or 0) and (end is None or time.monotonic() > end)

    def _round(self, world: World, faults: Iterator[Planned], end: float | None) -> None:
        """Inject faults until the search is near its end, then let it finish."""
        subject, outcome = world.subject, self._outcome
        last = self._plan.generations - _LAST_GENERATIONS
        while subject.closed() < last and not self._is_over(end):
            plan = next(faults)
            if not self._reach(subject, subject.lines() + plan.after_events):
                return
            time.sleep(plan.delay_seconds)
            try:
                injection = inject(world, plan, generation_seconds=outcome.generation_seconds)
            except (TimeoutError, subprocess.TimeoutExpired, OSError, psutil.Error) as error:
                outcome.lost.append(f"{plan.kind} could not be injected: {error}")
                return
            outcome.injections.append(injection)
            self._tell(told(len(outcome.injections), injection))
            outcome.lost += injection.troubles
        self._reach(subject, None)

    def _reach(self, subject: Subject, lines: int | None) -> bool:
        """Wait for so many lines, or for the end; a driver that ends by itself is a loss."""
        for _ in range(MOST_RESUMES):
            if lines is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    subject.wait(seconds=PATIENCE_SECONDS)
            elif subject.await_lines(lines, seconds=PATIENCE_SECONDS):
                return True
            if subject.returncode == 0:
                return False
            if subject.returncode is None:
                self._outcome.lost.append(f"no progress for {PATIENCE_SECONDS:.0f} s")
                return False
            self._outcome.lost.append(
                f"the driver ended with {subject.returncode}: {subject.words()}"
            )
            subject.resume()
        return False

    def _judge(self, world: World, undisturbed: Path, number: int) -> None:
        """Hold a finished search against the undisturbed one; keep it if they differ."""
        outcome, subject = self._outcome, world.subject
        subject.close()
        directory = subject.directory
        if self._store is not None:
            directory = self._scratch / f"brought-{number}"
            self._store.bring(f"round-{number}/{NAME}", directory)
        found = losses(directory, undisturbed)
        if world.tracking is not None and not found:
            found += missing_in_record(subject, world.tracking, self._scratch)
        if found:
            outcome.lost += found
            kept = Path(tempfile.mkdtemp(prefix="masga-chaos-lost-")) / "search"
            shutil.copytree(directory, kept)
            self._tell(f"round {number}: lost: {'; '.join(found)}; kept in {kept}")
        else:
            self._tell(
                f"round {number}: the log, {subject.lines()} events, is that of the undisturbed "
                f"search; {outcome.round_seconds[-1]:.0f} s"
            )
        shutil.rmtree(subject.directory.parent)
