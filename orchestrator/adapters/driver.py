"""Runs a search on Ray Tune, from its run file or from its log."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.environment import ray_cluster
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import SearchStarted
from orchestrator.journal import Journal
from orchestrator.observers import Audience
from orchestrator.resuming import has_finished, open_tasks, require_same_text, run_to_resume
from orchestrator.run_directory import CHECKPOINTS, check_holds_search, check_writable
from orchestrator.search import Search
from orchestrator.setting import Setting, corpus_json, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from orchestrator.adapters.course import Course
    from orchestrator.observers import Observer
    from orchestrator.run_config import RunConfig

_LOG = logging.getLogger("masga")
PROGRESS_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutcome:
    """How a run of the driver ended."""

    directory: Path
    finished: bool
    """False: interrupted; `masga resume` goes on."""
    departures: int
    """Events that were decided otherwise on resuming; the log's were kept."""


def run_search(
    config: RunConfig, directory: Path, *, observers: Sequence[Observer] = ()
) -> SearchOutcome:
    """Start a search in a directory that holds none.

    Raises:
        UserError: The run file, the corpus, the directory or the cluster is not as it must be.
        KeyboardInterrupt: Interrupted; the search can be resumed.
    """
    _claim(directory)
    return _run(config, directory, observers)


def resume_search(directory: Path, *, observers: Sequence[Observer] = ()) -> SearchOutcome:
    """Go on with a search from its log.

    Raises:
        UserError: There is no search here, it is damaged, or another process runs it.
        KeyboardInterrupt: Interrupted again.
    """
    return _run(None, directory, observers)


def _claim(directory: Path) -> None:
    """See that a search can be kept here and that none is.

    Raises:
        UserError: There is one, or the directory cannot be written.
    """
    check_writable(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if (directory / LOG_NAME).exists():
        raise UserError(
            where=str(directory),
            law="a directory holds one search",
            found="one that is already there",
            remedy=f"Go on with it ('masga resume {directory}') or choose another directory.",
        )


def _run(config: RunConfig | None, directory: Path, observers: Sequence[Observer]) -> SearchOutcome:
    if config is None:
        check_holds_search(directory)
    audience = Audience(observers)
    try:
        with EventLog(directory / LOG_NAME) as log:
            if has_finished(log.events):
                for number, event in enumerate(log.events):
                    audience.on_event(event, number, replayed=True)
                return SearchOutcome(directory=directory, finished=True, departures=0)
            if config is None:
                config = run_to_resume(log.events, directory)
            return _go_on(config, directory, log, audience)
    finally:
        audience.close()


def _go_on(config: RunConfig, directory: Path, log: EventLog, audience: Audience) -> SearchOutcome:
    """Begin the search, or go on where its log ends; the log begins once nothing is amiss."""
    setting = prepare(config)
    for note in setting.notes:
        _LOG.warning("%s", note)
    started = SearchStarted(
        run=config.deciding(),
        space=setting.rules.space.to_json(),
        corpus=corpus_json(setting),
        horizon_tokens=setting.settings.horizon_tokens,
        generations=setting.rules.generations,
        environment={"run": config.beside(), "began_at": time.time(), **setting.environment},
    )
    if log.events:
        require_same_text(log.events[0], started, directory / LOG_NAME)
    journal = Journal(log, audience.on_event)
    resources = config.resources
    with ray_cluster(
        address=resources.address, num_cpus=None, object_store_bytes=resources.object_store
    ):
        workers = _count_workers(config)
        journal.record([started])
        search = Search(setting.rules, journal)
        _host(
            config=config,
            directory=directory,
            setting=setting,
            search=search,
            log=log,
            audience=audience,
            workers=workers,
        )
    if journal.departures:
        _LOG.warning(
            "%d decisions came out otherwise than in the log (another version of a "
            "library?); the log's were kept.",
            journal.departures,
        )
    return SearchOutcome(
        directory=directory, finished=search.finished, departures=journal.departures
    )


def _host(
    *,
    config: RunConfig,
    directory: Path,
    setting: Setting,
    search: Search,
    log: EventLog,
    audience: Audience,
    workers: int,
) -> None:
    """Run the search on the cluster to its end."""
    from orchestrator.adapters.course import Course  # noqa: PLC0415 - imports ray
    from orchestrator.adapters.mailbox import start_mailbox  # noqa: PLC0415

    checkpoints = directory / CHECKPOINTS
    checkpoints.mkdir(exist_ok=True)
    mailbox = start_mailbox()
    course = Course(
        search=search,
        mailbox=mailbox,
        checkpoints=checkpoints,
        keep_generations=config.checkpoints.keep_generations,
    )
    course.post(open_tasks(search, log.events))
    if not search.finished:
        with _telling_progress(mailbox, audience):
            _tune(
                config=config,
                directory=directory,
                setting=setting,
                course=course,
                mailbox=mailbox,
                workers=workers,
            )
    if course.error is not None:
        raise course.error
    if not search.finished:
        raise RuntimeError(
            "All workers ended before the search did. Their errors are in "
            f"{directory / 'tune'}; 'masga resume {directory}' tries again."
        )


def _count_workers(config: RunConfig) -> int:
    """Return how many workers the cluster has room for and the search has use for.

    Raises:
        UserError: There is no room for one.
    """
    import ray  # noqa: PLC0415

    resources = config.resources
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
    return min(config.population.members, room if wanted == "auto" else int(wanted))


def _tune(
    *,
    config: RunConfig,
    directory: Path,
    setting: Setting,
    course: Course,
    mailbox: Any,
    workers: int,
) -> None:
    """Let Ray Tune host the workers until the mailbox is closed."""
    from ray import tune  # noqa: PLC0415

    from orchestrator.adapters.scheduler import Generations  # noqa: PLC0415
    from orchestrator.adapters.worker import Worker, WorkerSetup  # noqa: PLC0415

    resources = config.resources
    setup = WorkerSetup(
        corpus=setting.corpus.directory.resolve(),
        checkpoints=(directory / CHECKPOINTS).resolve(),
        settings=setting.settings,
        asynchronous=config.population.mode == "asynchronous",
    )
    trainable = tune.with_resources(
        tune.with_parameters(Worker, mailbox=mailbox, setup=setup),
        {"CPU": resources.cpus_per_worker, "GPU": resources.gpus_per_worker},
    )
    storage = directory / "tune"
    shutil.rmtree(storage, ignore_errors=True)  # of the run that is resumed: the log has it all
    tuner = tune.Tuner(
        trainable,
        param_space={"worker": tune.grid_search(list(range(workers)))},
        tune_config=tune.TuneConfig(
            scheduler=Generations(deliver=course.deliver, release=course.release),
            max_concurrent_trials=workers,
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
