"""The worker: one Ray Tune trial, one long-lived actor that does tasks until there are none."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray import tune

from orchestrator.adapters.mailbox import Closed, Leaving
from orchestrator.adapters.nodes import this_node
from orchestrator.cache import cache_directory
from orchestrator.errors import Clause, UserError, for_user
from orchestrator.events import Reported, encode
from orchestrator.leases import WorkerLife
from orchestrator.member_host import MemberHost
from orchestrator.observers import LiveProgress
from orchestrator.tasks import Train, answered
from search_spaces.gpt.cost import count_parameters
from trainers.data import CorpusError, fetch_corpus, is_prepared, open_corpus

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.events import Assessed
    from orchestrator.leases import Lease
    from orchestrator.tasks import Assess, StateKey, TaskName
    from trainers.data import Corpus
    from trainers.folder import Folder
    from trainers.interval import Progress
    from trainers.settings import TrainerSettings

PROGRESS_SECONDS = 0.5
BEATS = 12
"""A worker says that it lives so often in the time after which it counts as silent."""
FETCH_SECONDS = 30.0
"""A state that does not come from another node in this time is read from its checkpoint."""
LOST_WORKERS = 3
"""A task that this many workers died with is not tried again: its member has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSetup:
    """What a worker needs to know."""

    corpus: Path
    """Of the prepared text, named for its digest; perhaps not on every node."""
    checkpoints: Path | Folder
    settings: TrainerSettings
    asynchronous: bool
    stall_seconds: float | None
    """A worker that is not heard of for so long loses its tasks; none: never."""
    processes: int = 1
    """That train one member together; this actor is the first of them."""
    cpus: float = 1
    """Of each process."""
    gpus: float = 0
    """Of each process."""
    corpora: Folder | None = None
    """Where a node without it fetches the text from."""

    def open_corpus(self) -> Corpus:
        """Open the text here, or in the cache of this node, fetched if need be."""
        if self.corpora is None or is_prepared(self.corpus):
            return open_corpus(self.corpus)
        return fetch_corpus(self.corpora, self.corpus.name, cache_directory() / "corpora")


class ObjectStore:
    """The exchange of states over Ray's object store."""

    def __init__(self, mailbox: Any, worker: int) -> None:
        self._mailbox = mailbox
        self._worker = worker

    def publish(self, key: StateKey, payload: bytes) -> None:
        """Put a state into shared memory and tell the mailbox where."""
        self._mailbox.offer.remote(key, [ray.put(payload)], self._worker)

    def fetch(self, key: StateKey) -> memoryview | None:
        """Return a state; none if it was never offered here or went with its owner."""
        references = ray.get(self._mailbox.locate.remote(key))
        if not references:
            return None
        try:
            return memoryview(ray.get(references[0], timeout=FETCH_SECONDS))
        except (ray.exceptions.ObjectLostError, ray.exceptions.GetTimeoutError):
            return None


class Worker(tune.Trainable):  # type: ignore[misc]
    """Pulls tasks from the mailbox; each `step` returns the reports of those it has done.

    What only the user can mend (a full disk, a damaged file) would be met again by every worker:
    instead of dying of it, a worker tells it, and finds the mailbox closed by the driver. (Tune
    shows its scheduler no result of a trial that is done.)

    It may have been taken for dead while it was only stopped, and its tasks done by others: then
    its answers change nothing, nor does what goes wrong with a task that is no longer open.
    """

    def setup(self, config: dict[str, Any], mailbox: Any = None, setup: Any = None) -> None:
        """Open the corpus and come to the mailbox."""
        assert isinstance(setup, WorkerSetup)
        self._number: int = config["worker"]
        self._life = WorkerLife(worker=self._number, incarnation=uuid.uuid4().hex, node=this_node())
        self._mailbox = mailbox
        self._asynchronous = setup.asynchronous
        self._setup = setup
        self._host: MemberHost | None = None
        self._holding: tuple[Lease, ...] = ()
        self._told: tuple[TaskName, ...] = ()
        self._ended = threading.Event()
        self._ties = contextlib.ExitStack()
        if setup.stall_seconds is not None:
            threading.Thread(
                target=self._beat, args=(setup.stall_seconds / BEATS,), name="beat", daemon=True
            ).start()

    def _beat(self, seconds: float) -> None:
        """Tell the mailbox again and again that this process runs."""
        while not self._ended.wait(seconds):
            with contextlib.suppress(ray.exceptions.RayError):
                self._mailbox.beat.remote(self._life, self._holding)

    def _open(self) -> MemberHost:
        corpus, group = self._setup.open_corpus(), None
        if self._setup.processes > 1:
            from orchestrator.adapters.group import member_group  # noqa: PLC0415 - torch.distributed

            group = self._ties.enter_context(member_group(corpus, self._setup))
        return MemberHost(
            corpus=corpus,
            settings=self._setup.settings,
            checkpoints=self._setup.checkpoints,
            exchange=ObjectStore(self._mailbox, self._number),
            worker=self._number,
            group=group,
        )

    def step(self) -> dict[str, Any]:
        """Do tasks until none is waiting (asynchronous: one task), then report them together."""
        try:
            return self._step()
        except UserError as error:
            told = error
        except CorpusError as error:
            told = for_user(error, where=error.where)
        doing = tuple(lease.task.name for lease in self._holding)
        return {"done": False, "reports": [], "error": told, "doing": doing}

    def _step(self) -> dict[str, Any]:
        ray.get(self._mailbox.begin.remote(self._life, self._told))
        self._holding, self._told = (), ()
        reports: list[Reported | Assessed] = []
        while not (reports and self._asynchronous):
            resident = () if self._host is None else self._host.resident
            lease = ray.get(self._mailbox.lease.remote(self._life, resident, wait=not reports))
            if isinstance(lease, Closed):
                return {"done": True, "reports": []}
            if isinstance(lease, Leaving) and not reports:
                ray.actor.exit_actor()  # Tune starts it again where there is room
            if lease is None or isinstance(lease, Leaving):
                break
            self._holding = (*self._holding, lease)
            self._host = self._host or self._open()
            reports.append(self._do(lease, self._host))
        if self._host is not None:
            self._host.flush()
        self._told = tuple(answered(report) for report in reports)
        return {"done": False, "reports": [encode(report) for report in reports]}

    def _do(self, lease: Lease, host: MemberHost) -> Reported | Assessed:
        task = lease.task
        if lease.lost >= LOST_WORKERS:
            if isinstance(task, Train):
                return host.finished_before(task) or _given_up(task, lease.lost, self._number)
            raise _cannot_assess(task, lease.lost)
        told = 0.0

        def tell(progress: Progress) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told >= PROGRESS_SECONDS:
                told = now
                self._mailbox.note.remote(
                    LiveProgress(
                        member=task.key.member,
                        generation=task.key.generation,
                        tokens_done=progress.tokens,
                        tokens_of_interval=task.tokens if isinstance(task, Train) else 0,
                        train_loss=progress.loss,
                        worker=self._number,
                    )
                )

        return host.run(task, progress=tell)

    def cleanup(self) -> None:
        """Finish writing, and end the other processes."""
        self._ended.set()
        if self._host is not None:
            self._host.close()
        self._ties.close()


def _cannot_assess(task: Assess, lost: int) -> UserError:
    return UserError(
        where=f"held-out assessment of the {task.role}",
        law="a worker lives through it",
        found=Clause(f"{lost} workers died while they did it"),
        remedy="Often memory ran out: use fewer workers or a lower training.evaluation_sequences"
        " in a new search, or a larger machine; then 'masga resume' tries again.",
    )


def _given_up(task: Train, lost: int, worker: int) -> Reported:
    return Reported(
        member=task.member,
        generation=task.generation,
        digest=task.genome.digest,
        parameters=count_parameters(task.genome.architecture),
        ledger=task.ledger,
        interval_tokens=0,
        interval_flops=0.0,
        train_loss=None,
        losses=(),
        nats_per_token=None,
        bits_per_byte=None,
        failure=f"{lost} workers died while they trained it",
        morph=None,
        utilities=None,
        seconds=0.0,
        adoption_seconds=0.0,
        cpu_seconds=0.0,
        finished_at=time.time(),
        worker=worker,
        origin="fresh",
    )
