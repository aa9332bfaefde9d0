"""Hosts a conductor's tasks on Ray Tune: workers as trials, tasks and answers through a mailbox."""

from __future__ import annotations

import contextlib
import shutil
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.environment import keep_credentials_out_of_logs
from orchestrator.errors import UserError
from orchestrator.resuming import open_tasks
from orchestrator.run_directory import CHECKPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from orchestrator.adapters.course import Course
    from orchestrator.conductor import Conductor
    from orchestrator.events import Event
    from orchestrator.observers import Audience
    from orchestrator.run_config import ResourcesConfig
    from orchestrator.setting import Setting

PROGRESS_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """Where and with what tasks are done."""

    directory: Path
    """Of the log; holds the checkpoints too."""
    setting: Setting
    resources: ResourcesConfig
    workers: int
    keep_generations: int | None
    """Generations of checkpoints behind the newest; none: only what is needed."""
    one_by_one: bool
    """Workers report each task at once, instead of when none is waiting any more."""
    again: str
    """The command that goes on after a failure."""


def count_workers(resources: ResourcesConfig, *, most: int) -> int:
    """Return how many workers the cluster has room for, up to as many as there is use for.

    Raises:
        UserError: There is no room for one.
    """
    import ray  # noqa: PLC0415 - slow, and only a cluster needs it

    available = ray.cluster_resources()
    room = int(available.get("CPU", 1) / resources.cpus_per_worker)
    if resources.gpus_per_worker:
        room = min(room, int(available.get("GPU", 0) / resources.gpus_per_worker))
    if room < 1:
        raise UserError(
            where="resources",
            law="the cluster has room for one worker",
            found=f"{available.get('CPU', 0):g} CPUs and {available.get('GPU', 0):g} GPUs",
            remedy="Ask for less with cpus_per_worker and gpus_per_worker.",
        )
    wanted = resources.workers
    return min(most, room if wanted == "auto" else int(wanted))


def host(
    conductor: Conductor, hosting: Hosting, *, events: Sequence[Event], audience: Audience
) -> None:
    """Run a conductor on the cluster to its end.

    Args:
        conductor: What decides.
        hosting: Where it runs.
        events: Of its log so far, to go on from.
        audience: Told of the members' progress.

    Raises:
        UserError: What only the user can mend.
    """
    from orchestrator.adapters.course import Course  # noqa: PLC0415 - imports ray
    from orchestrator.adapters.mailbox import start_mailbox  # noqa: PLC0415

    checkpoints = hosting.directory / CHECKPOINTS
    checkpoints.mkdir(exist_ok=True)
    mailbox = start_mailbox()
    course = Course(
        conductor=conductor,
        mailbox=mailbox,
        checkpoints=checkpoints,
        keep_generations=hosting.keep_generations,
    )
    course.post(open_tasks(conductor, events))
    if not conductor.finished:
        with _telling_progress(mailbox, audience):
            _tune(hosting, course=course, mailbox=mailbox)
    if course.error is not None:
        raise course.error
    if not conductor.finished:
        raise RuntimeError(
            "All workers ended before the work did. Their errors are in "
            f"{hosting.directory / 'tune'}; '{hosting.again}' tries again."
        )


def _tune(hosting: Hosting, *, course: Course, mailbox: Any) -> None:
    """Let Ray Tune host the workers until the mailbox is closed."""
    from ray import tune  # noqa: PLC0415

    from orchestrator.adapters.scheduler import Generations  # noqa: PLC0415
    from orchestrator.adapters.worker import Worker, WorkerSetup  # noqa: PLC0415

    keep_credentials_out_of_logs()
    setup = WorkerSetup(
        corpus=hosting.setting.corpus.directory.resolve(),
        checkpoints=(hosting.directory / CHECKPOINTS).resolve(),
        settings=hosting.setting.settings,
        asynchronous=hosting.one_by_one,
    )
    trainable = tune.with_resources(
        tune.with_parameters(Worker, mailbox=mailbox, setup=setup),
        {"CPU": hosting.resources.cpus_per_worker, "GPU": hosting.resources.gpus_per_worker},
    )
    storage = hosting.directory / "tune"
    shutil.rmtree(storage, ignore_errors=True)  # of the run that is resumed: the log has it all
    tuner = tune.Tuner(
        trainable,
        param_space={"worker": tune.grid_search(list(range(hosting.workers)))},
        tune_config=tune.TuneConfig(
            scheduler=Generations(deliver=course.deliver, release=course.release),
            max_concurrent_trials=hosting.workers,
        ),
        run_config=tune.RunConfig(
            name="workers",
            storage_path=str(storage.resolve()),
            failure_config=tune.FailureConfig(max_failures=20),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # ours are enough
            verbose=0,
        ),
    )
    tuner.fit()


@contextlib.contextmanager
def _telling_progress(mailbox: Any, audience: Audience) -> Iterator[None]:
    """Ask the mailbox how far the members are, a few times a second, and tell the audience."""
    import ray  # noqa: PLC0415

    done = threading.Event()

    def ask() -> None:
        while not done.wait(PROGRESS_SECONDS):
            try:
                audience.on_progress(ray.get(mailbox.progress.remote(), timeout=5))
            except ray.exceptions.RayError:
                continue

    thread = threading.Thread(target=ask, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
