"""How long a search's log takes to open, check and resume: 1,000,000 events by default.

The log is that of a simulated search (`simulated_search.py`): real decisions, reports by a formula.
Opening reads it and checks its checksums; resuming takes the newest snapshot that leaves enough to
decide again (with --followed none: as where snapshots are lost) and goes on until the open tasks
are known. With --keep the directory is written once and read again by later calls.

    OMP_NUM_THREADS=1 python benchmarks/log_scale.py [--members 1000] [--generations 333]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from simulated_search import answer, run

from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import SearchStarted
from orchestrator.journal import Journal
from orchestrator.resuming import open_tasks
from orchestrator.run_corpus import corpus_json
from orchestrator.search import Search
from orchestrator.setting import prepare
from orchestrator.snapshots.folder import SnapshotFolder
from trainers.folder import LocalFolder


def _nobody(*_: object) -> None:
    """Watch nothing: displays and records are other benchmarks' matter."""


def _untold(events: Iterable[Event], number: int) -> None:
    """Tell nobody of the past; a search tells its displays in a thread."""


if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.events import Event
    from orchestrator.snapshots.kept import Snapshot


class Timed(SnapshotFolder):
    """Tells what keeping snapshots takes."""

    spent, times, longest = 0.0, 0, 0.0

    def keep(self, snapshot: Snapshot) -> None:
        """Keep one, and note the time."""
        began = time.perf_counter()
        super().keep(snapshot)
        took = time.perf_counter() - began
        self.spent, self.times, self.longest = (
            self.spent + took, self.times + 1, max(self.longest, took),
        )  # fmt: skip


def write(directory: Path, *, members: int, generations: int) -> None:
    """Run a search for so many generations of a budget of a few more."""
    directory.mkdir(exist_ok=True)
    config = run("default", members=members, generations=generations + 5)
    setting = prepare(config)
    began = time.perf_counter()
    with EventLog(directory / LOG_NAME) as log:
        journal = Journal(log, _nobody)
        snapshots = Timed(LocalFolder(directory / "snapshots"), log)
        journal.record(
            [
                SearchStarted(
                    run=config.deciding(), space=setting.rules.space.to_json(),
                    corpus=corpus_json(setting.corpus, setting.notes),
                    horizon_tokens=setting.settings.horizon_tokens,
                    generations=setting.rules.generations, environment={"run": config.beside()},
                )
            ]
        )  # fmt: skip
        search = Search(setting.rules, journal, snapshots=snapshots)
        tasks = search.begin()
        for _ in range(generations):
            answers = [answer(task) for task in tasks]
            tasks = tuple(task for found in answers for task in search.receive(found))
    print(
        f"written in {time.perf_counter() - began:.1f} s, of which {snapshots.spent:.1f} s for "
        f"{snapshots.times} snapshots, the slowest {snapshots.longest:.2f} s"
    )


def main() -> None:
    """Write, open and resume; print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--generations", type=int, default=333)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--followed", action="store_true", help="without its snapshots")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="masga-scale-") as temporary:
        directory = given.keep or Path(temporary)
        path = directory / LOG_NAME
        if not path.exists():
            write(directory, members=given.members, generations=given.generations)
        kept = sorted((directory / "snapshots").glob("*"))
        print("snapshots:", *(f"{at.name} of {at.stat().st_size / 1e6:.1f} MB" for at in kept))
        config = run("default", members=given.members, generations=given.generations + 5)
        setting = prepare(config)
        began, spent = time.perf_counter(), time.process_time()
        with EventLog(path) as log:
            opened, opened_cpu = time.perf_counter() - began, time.process_time() - spent
            count = len(log.events)
            print(f"{count:,} events, {path.stat().st_size / 1e6:.0f} MB")
            print(f"opened and checked in {opened:.1f} s, {opened_cpu:.1f} s of processor time")
            began, spent = time.perf_counter(), time.process_time()
            journal = Journal(log, _nobody, on_past=_untold)
            snapshots = SnapshotFolder(LocalFolder(directory / "snapshots"), log)
            journal.record([log.events[0]])
            search = Search(setting.rules, journal, snapshots=None if given.followed else snapshots)
            tasks = open_tasks(search, journal)
            resumed, resumed_cpu = time.perf_counter() - began, time.process_time() - spent
        print(
            f"resumed in {resumed:.1f} s, {resumed_cpu:.1f} s of processor time "
            f"({resumed_cpu / count * 1e6:.0f} us an event); {len(tasks):,} open tasks, "
            f"{journal.departures} departures"
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"{peak:.0f} MB at the peak")


if __name__ == "__main__":
    main()
