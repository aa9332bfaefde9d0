"""What the process that drives a search spends: time by stage, memory, generation by generation.

Shared by the benchmarks of what a search costs beside its training; not one itself.
"""

from __future__ import annotations

import os
import resource
import time
from collections import defaultdict
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


class Stages:
    """Time of the driver by stage; a stage inside another one is taken off the outer one."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = defaultdict(float)
        self.wall: dict[str, float] = defaultdict(float)
        self._inside: list[list[float]] = []

    def watch(self, owner: object, name: str, stage: str) -> None:
        """Time every call of a function of a class or module."""
        function = getattr(owner, name)

        def timed(*arguments: object, **options: object) -> object:
            cpu, wall = time.thread_time(), time.perf_counter()
            self._inside.append([0.0, 0.0])
            try:
                return function(*arguments, **options)
            finally:
                spent = time.thread_time() - cpu, time.perf_counter() - wall
                inner = self._inside.pop()
                self.cpu[stage] += spent[0] - inner[0]
                self.wall[stage] += spent[1] - inner[1]
                if self._inside:
                    self._inside[-1][0] += spent[0]
                    self._inside[-1][1] += spent[1]

        setattr(owner, name, timed)

    def taken(self) -> dict[str, tuple[float, float]]:
        """Return and forget (processor seconds, wall seconds) by stage."""
        found = {name: (self.cpu[name], self.wall[name]) for name in self.cpu}
        self.cpu.clear()
        self.wall.clear()
        return found


def resident_bytes(process: str = "self") -> int:
    """Return the resident memory of a process."""
    return int(Path("/proc", process, "statm").read_text().split()[1]) * PAGE


def mailbox_process() -> str | None:
    """Return the number of the mailbox's process among our own descendants."""
    children: dict[str, list[str]] = defaultdict(list)
    titles: dict[str, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            titles[entry.name] = (entry / "cmdline").read_text()
        except OSError:
            continue
        children[parent].append(entry.name)
    ours = [str(os.getpid())]
    for process in ours:
        ours += children[process]
    return next((p for p in ours if titles.get(p, "").startswith("ray::Mailbox")), None)


class Meter:
    """Notes what each generation cost, from the first report to the last order."""

    def __init__(self, conductor: object, members: int, stages: Stages) -> None:
        self.told: list[dict[str, object]] = []
        self._members, self._stages, self._reports = members, stages, 0
        self._memory = resident_bytes()
        self._mailbox: tuple[str, int] | None = None
        self._receive = conductor.receive  # type: ignore[attr-defined]
        conductor.receive = self._counted  # type: ignore[attr-defined]
        self._begun = (time.process_time(), time.perf_counter())

    def _counted(self, report: object) -> object:
        tasks = self._receive(report)
        self._reports += 1
        if self._reports == 1 and (process := mailbox_process()):
            self._mailbox = process, resident_bytes(process)
        if self._reports % self._members == 0:
            self._close()
        return tasks

    def _close(self) -> None:
        now = (time.process_time(), time.perf_counter())
        box = 0 if self._mailbox is None else resident_bytes(self._mailbox[0]) - self._mailbox[1]
        self.told.append(
            {
                "cpu": now[0] - self._begun[0],
                "wall": now[1] - self._begun[1],
                "stages": self._stages.taken(),
                "memory": resident_bytes() - self._memory,
                "mailbox_memory": box,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
        self._begun = (time.process_time(), time.perf_counter())

    def not_counted(self, cpu: float, wall: float) -> None:
        """Take what was not the driver's off the generation that runs."""
        self._begun = self._begun[0] + cpu, self._begun[1] + wall
