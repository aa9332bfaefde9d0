"""Who answers the tasks of a simulated search: this process, or Tune's workers without a trainer.

Shared by the benchmarks of what a search costs beside its training; not one itself.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from simulated_search import answer

if TYPE_CHECKING:
    from driver_cost import Meter


def answer_here(conductor: object, meter: Meter) -> None:
    """Answer tasks in this process; the answers are not counted."""
    tasks = conductor.begin()  # type: ignore[attr-defined]
    while tasks:
        cpu, wall = time.process_time(), time.perf_counter()
        answers = [answer(task) for task in tasks]
        meter.not_counted(time.process_time() - cpu, time.perf_counter() - wall)
        tasks = [task for found in answers for task in conductor.receive(found)]  # type: ignore[attr-defined]


def use_simulated_workers() -> None:
    """Let Tune host workers whose host answers at once; all else of a worker is the real one."""
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).resolve().parent), os.environ.get("PYTHONPATH", "")]
    )
    from orchestrator.adapters import worker

    worker.Worker = simulated_worker(worker.Worker)  # type: ignore[misc]


def simulated_worker(base: type) -> type:
    """Return a worker without a trainer."""

    class Host:
        """Stands for `MemberHost`."""

        resident = ()

        def __init__(self, number: int) -> None:
            self._number = number

        def run(self, task: object, *, progress: object) -> object:
            del progress
            self.resident = (task.key,)  # type: ignore[attr-defined]
            return answer(task, worker=self._number)

        def flush(self) -> None:
            """Nothing to write."""

        def close(self) -> None:
            """Nothing to end."""

    class SimulatedWorker(base):  # type: ignore[misc, valid-type]
        def _open(self) -> Host:
            return Host(self._number)

    return SimulatedWorker
