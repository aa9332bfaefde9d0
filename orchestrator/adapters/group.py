"""The processes of one worker: its actor is rank 0, and starts the others beside itself.

They live in the bundles of the trial's placement group and die with the actor that started them:
Ray ends actors with their owner. The other way round, rank 0 does not outlive one of them: what it
waits for would never come. Tune then starts the whole group again.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import ray
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from trainers.distributed.follower import Follower
from trainers.distributed.group import MemberGroup, RanksLost
from trainers.distributed.meeting import call_meeting, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.adapters.worker import WorkerSetup
    from trainers.data import Corpus
    from trainers.distributed.commands import Command
    from trainers.distributed.meeting import Meeting
    from trainers.settings import Device

WATCH_SECONDS = 1.0
GRACE_SECONDS = 10.0
"""Time for rank 0 to notice by itself that another is gone, before its process ends."""


class Rank:
    """The actor of a rank other than 0."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._corpus = setup.open_corpus()
        self._ties = contextlib.ExitStack()
        self._follower: Follower | None = None

    def pid(self) -> int:
        """Return the number of this process: it is up."""
        return os.getpid()

    def meet(self, meeting: Meeting, rank: int, device: Device) -> None:
        """Join the others."""
        address = ray.util.get_node_ip_address()
        ranks = self._ties.enter_context(joined(meeting, rank, device=device, address=address))
        self._follower = Follower(self._corpus, ranks)

    def obey(self, command: Command) -> str | None:
        """Do a command with the others; return why it was refused, if it was."""
        assert self._follower is not None
        return self._follower.obey(command)

    def leave(self) -> None:
        """Leave the group."""
        self._ties.close()


class RayFollowers:
    """The other ranks, as actors; a thread sees whether they live while rank 0 works.

    Args:
        actors: Of the ranks 1, 2, ...
    """

    def __init__(self, actors: Sequence[Any]) -> None:
        self._actors = tuple(actors)
        self._pending: tuple[Any, ...] = ()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ranks", daemon=True)
        self._thread.start()

    def tell(self, command: Command) -> None:
        """Send a command to all."""
        told = ray.put(command)
        self._pending = tuple(actor.obey.remote(told) for actor in self._actors)

    def answers(self) -> list[str | None]:
        """Wait for all.

        Raises:
            RanksLost: One has died or failed.
        """
        try:
            answers: list[str | None] = ray.get(list(self._pending))
        except ray.exceptions.RayError as error:
            raise RanksLost(f"A process of this worker is lost: {_first_line(error)}") from error
        self._pending = ()
        return answers

    def lost(self) -> Exception | None:
        """Return what has happened to one of them, once it is known."""
        until = time.monotonic() + GRACE_SECONDS
        while (found := _failure(self._pending)) is None and time.monotonic() < until:
            time.sleep(WATCH_SECONDS / 4)
        return found

    def close(self) -> None:
        """Stop watching."""
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        """End this process if it still waits for a rank that is gone.

        Which is not certain otherwise: a collective on GPUs waits as long as it may for a rank that
        will not come, and one that failed without dying keeps its connections.
        """
        while not self._done.wait(WATCH_SECONDS):
            pending = self._pending
            failure = _failure(pending)
            if failure is None or self._done.wait(GRACE_SECONDS):
                continue
            if self._pending is pending:
                print(f"A process of this worker is lost: {failure}", file=sys.stderr, flush=True)
                os._exit(1)


def _failure(pending: Sequence[Any]) -> Exception | None:
    """Return the failure of one that has not answered, if any is known by now."""
    if not pending:
        return None
    ready, _ = ray.wait(list(pending), num_returns=len(pending), timeout=0)
    for reference in ready:
        try:
            ray.get(reference)
        except ray.exceptions.RayError as error:
            return RanksLost(f"A process of this worker is lost: {_first_line(error)}")
    return None


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


@contextlib.contextmanager
def member_group(corpus: Corpus, setup: WorkerSetup) -> Iterator[MemberGroup]:
    """Start the other processes of the worker that calls, and lead them."""
    placement = ray.util.get_current_placement_group()
    assert placement is not None, "a trial with several bundles runs in a placement group"
    actors = [
        ray.remote(Rank)
        .options(
            num_cpus=setup.cpus,
            num_gpus=setup.gpus,
            max_restarts=0,
            scheduling_strategy=PlacementGroupSchedulingStrategy(
                placement, placement_group_bundle_index=rank
            ),
        )
        .remote(setup)
        for rank in range(1, setup.processes)
    ]
    followers: RayFollowers | None = None
    try:
        ray.get([actor.pid.remote() for actor in actors])
        address = ray.util.get_node_ip_address()
        device = setup.settings.device
        meeting, store = call_meeting(address, setup.processes)
        meets = [a.meet.remote(meeting, rank, device) for rank, a in enumerate(actors, start=1)]
        with joined(meeting, 0, device=device, address=address, store=store) as ranks:
            ray.get(meets)
            followers = RayFollowers(actors)
            yield MemberGroup(corpus, ranks, followers)
            for actor in actors:
                actor.leave.remote()
    finally:
        if followers is not None:
            followers.close()
        for actor in actors:
            ray.kill(actor)
