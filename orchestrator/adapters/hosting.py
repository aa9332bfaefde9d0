"""Hosts a conductor's tasks on Ray Tune: workers as trials, tasks and answers through a mailbox."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.environment import variables_of_actors
from orchestrator.adapters.lifeline import ties_of_this_driver
from orchestrator.errors import UserError
from orchestrator.resuming import open_tasks
from orchestrator.storage.working_copy import checkpoints_in, corpora_of
from trainers.data import store_corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orchestrator.adapters.course import Course
    from orchestrator.adapters.lifeline import Lifeline
    from orchestrator.conductor import Conductor
    from orchestrator.interrupts import Interrupts
    from orchestrator.journal import Journal
    from orchestrator.observers import Audience
    from orchestrator.run_config import ResourcesConfig
    from orchestrator.setting import Setting

FAILURES = 20
"""A worker that dies so often without having got anything done is not started again."""
MOST_WORKERS = 1000
"""Trials that wait for room on a growing cluster, at most."""


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
    spread: int | None
    """Generations by which members may be ahead of others that wait for a worker; none: any."""
    again: str
    """The command that goes on after a failure."""
    lifeline: Lifeline
    """Of the driver that has joined Ray."""


def count_workers(resources: ResourcesConfig, *, most: int) -> int:
    """Return how many workers may be at work at once, up to as many as there is use for.

    A cluster of our own has the room that it has. One that exists may grow and shrink: there every
    worker that there is use for waits for room, and its autoscaler, if it has one, sees them wait.

    A worker is as many processes as train one member.

    Raises:
        UserError: A cluster of our own has no room for one.
    """
    import ray  # noqa: PLC0415 - slow, and only a cluster needs it

    wanted = resources.workers
    if resources.address is not None:
        return min(most, MOST_WORKERS if wanted == "auto" else int(wanted))
    available = ray.cluster_resources()
    room = int(available.get("CPU", 1) / resources.cpus_per_worker)
    if resources.gpus_per_worker:
        room = min(room, int(available.get("GPU", 0) / resources.gpus_per_worker))
    processes = resources.processes_per_member
    room //= processes
    if room < 1:
        split = "" if processes == 1 else f" of {processes} processes"
        raise UserError(
            where="resources",
            law=f"the cluster has room for one worker{split}",
            found=f"{available.get('CPU', 0):g} CPUs and {available.get('GPU', 0):g} GPUs",
            remedy="Ask for less with cpus_per_worker and gpus_per_worker"
            + ("." if processes == 1 else ", which are of one process, or processes_per_member."),
        )
    return min(most, room if wanted == "auto" else int(wanted))


def host(
    conductor: Conductor,
    hosting: Hosting,
    *,
    journal: Journal,
    audience: Audience,
    interrupts: Interrupts,
) -> None:
    """Run a conductor on the cluster to its end.

    Args:
        conductor: What decides.
        hosting: Where it runs.
        journal: Its own, over its log so far, to go on from.
        audience: Told of the members' progress.
        interrupts: Heeded wherever Tune hands over to us.

    Raises:
        UserError: What only the user can mend.
        KeyboardInterrupt: Interrupted before the end.
    """
    import ray  # noqa: PLC0415 - slow

    from orchestrator.adapters.attendance import Attendance  # noqa: PLC0415
    from orchestrator.adapters.course import Course  # noqa: PLC0415 - imports ray
    from orchestrator.adapters.mailbox import start_mailbox  # noqa: PLC0415

    corpora = corpora_of(hosting.directory)
    if corpora is not None:
        store_corpus(hosting.setting.corpus, corpora)
    mailbox = start_mailbox(hosting.resources.stall_seconds, hosting.spread)
    course = Course(
        conductor=conductor,
        mailbox=mailbox,
        checkpoints=checkpoints_in(hosting.directory),
        keep_generations=hosting.keep_generations,
    )
    with _watched(course, hosting):
        course.post(open_tasks(conductor, journal))
        if not conductor.finished:
            attendance = Attendance(
                mailbox=mailbox, course=course, audience=audience, resources=hosting.resources
            )

            def release(worker: int) -> None:
                with contextlib.suppress(ray.exceptions.RayError):
                    attendance.look_at_nodes()  # first: did it die with its node?
                course.release(worker)

            with attendance.watching():
                _tune(
                    hosting,
                    course=course,
                    mailbox=mailbox,
                    release=release,
                    interrupts=interrupts,
                )
    if course.error is not None:
        raise course.error
    if not conductor.finished:
        interrupts.heed()
    if not conductor.finished:
        raise RuntimeError(
            "All workers ended before the work did. Their errors are in "
            f"{hosting.directory / 'tune'}; '{hosting.again}' tries again."
        )


@contextlib.contextmanager
def _watched(course: Course, hosting: Hosting) -> Iterator[None]:
    """Watch what the driver hangs on; what fails once that has died failed of it."""
    try:
        with hosting.lifeline.watched(
            ties_of_this_driver(), cut_off=course.cut_off, again=hosting.again
        ):
            yield
    except Exception as fault:
        if course.error is None:
            raise
        raise course.error from fault


def _tune(
    hosting: Hosting,
    *,
    course: Course,
    mailbox: Any,
    release: Callable[[int], None],
    interrupts: Interrupts,
) -> None:
    """Let Ray Tune host the workers until the mailbox is closed."""
    from ray import tune  # noqa: PLC0415

    from orchestrator.adapters.scheduler import Generations, WhenOver  # noqa: PLC0415
    from orchestrator.adapters.worker import Worker, WorkerSetup  # noqa: PLC0415

    setup = WorkerSetup(
        corpus=hosting.setting.corpus.directory.resolve(),
        corpora=corpora_of(hosting.directory),
        checkpoints=checkpoints_in(hosting.directory.resolve()),
        settings=hosting.setting.settings,
        asynchronous=hosting.one_by_one,
        stall_seconds=hosting.resources.stall_seconds,
        processes=hosting.resources.processes_per_member,
        cpus=hosting.resources.cpus_per_worker,
        gpus=hosting.resources.gpus_per_worker,
    )
    of_one = {"CPU": setup.cpus, "GPU": setup.gpus}
    trainable = tune.with_resources(
        tune.with_parameters(Worker, mailbox=mailbox, setup=setup),
        tune.PlacementGroupFactory([of_one] * setup.processes) if setup.processes > 1 else of_one,
    )
    storage = hosting.directory / "tune"
    shutil.rmtree(storage, ignore_errors=True)  # of the run that is resumed: the log has it all
    tuner = tune.Tuner(
        trainable,
        param_space={"worker": tune.grid_search(list(range(hosting.workers)))},
        tune_config=tune.TuneConfig(
            scheduler=Generations(deliver=course.deliver, release=release, heed=interrupts.heed),
            max_concurrent_trials=hosting.workers,
        ),
        run_config=tune.RunConfig(
            name="workers",
            stop=WhenOver(lambda: course.is_over, heed=interrupts.heed),
            storage_path=str(storage.resolve()),
            failure_config=tune.FailureConfig(max_failures=FAILURES),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # ours are enough
            verbose=0,
        ),
    )
    with variables_of_actors(own_cluster=hosting.resources.address is None):
        tuner.fit()
