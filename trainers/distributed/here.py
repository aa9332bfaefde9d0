"""A group of processes on one machine: the caller is rank 0, and starts and ends the others.

For a machine with torch alone. Commands go through pipes, tensors through the process group.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

import torch

from trainers.data import open_corpus
from trainers.distributed.follower import Follower
from trainers.distributed.group import MemberGroup, RanksLost
from trainers.distributed.meeting import PATIENCE_SECONDS, call_meeting, check_free, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from pathlib import Path

    from trainers.data import Corpus
    from trainers.distributed.commands import Command
    from trainers.distributed.meeting import Meeting
    from trainers.settings import Device

LOOPBACK = "127.0.0.1"
LAST_WORD_SECONDS = 5.0
"""Time for a process that is dying to be seen dead, and for one that is told to end to do so."""


@contextlib.contextmanager
def group_here(
    corpus: Corpus,
    *,
    size: int,
    device: Device = "cpu",
    patience_seconds: float = PATIENCE_SECONDS,
) -> Iterator[MemberGroup]:
    """Start `size - 1` processes and lead them; they end with the block, or with this process.

    Args:
        corpus: What members train on.
        size: Processes that train each member, 2 or more.
        device: On CUDA each process takes the GPU of its rank.
        patience_seconds: Longest wait for another rank in one collective.

    Raises:
        ValueError: There are not enough processes or GPUs, or this process has joined a group.
        RanksLost: One of them did not come.
    """
    _check(size, device)
    context = multiprocessing.get_context("spawn")
    meeting, store = call_meeting(LOOPBACK, size)
    pipes: list[Connection] = []
    processes: list[SpawnProcess] = []
    try:
        for rank in range(1, size):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_follow,
                kwargs={
                    "corpus": corpus.directory,
                    "meeting": meeting,
                    "rank": rank,
                    "device": device,
                    "patience_seconds": patience_seconds,
                    "commands": theirs,
                },
                daemon=True,
            )
            process.start()
            theirs.close()  # so that its death ends what we read
            pipes.append(ours)
            processes.append(process)
        followers = _Pipes(pipes, processes)
        followers.answers()  # all are up
        if device == "cuda":
            torch.cuda.set_device(0)
        with joined(
            meeting,
            0,
            device=device,
            address=LOOPBACK,
            store=store,
            patience_seconds=patience_seconds,
        ) as ranks:
            yield MemberGroup(corpus, ranks, followers)
    finally:
        for pipe in pipes:
            pipe.close()  # the end of their commands
        for process in processes:
            process.join(LAST_WORD_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()


def _check(size: int, device: Device) -> None:
    check_free()
    if size < 2:
        raise ValueError(f"A group has `size >= 2` processes, but got size={size}.")
    if device == "cuda" and torch.cuda.device_count() < size:
        raise ValueError(
            f"Each of the {size} processes of a member has a GPU of its own, but there are "
            f"{torch.cuda.device_count()} here. Use fewer processes, or device=cpu."
        )


class _Pipes:
    """The other ranks, as processes."""

    def __init__(self, pipes: Sequence[Connection], processes: Sequence[SpawnProcess]) -> None:
        self._pipes, self._processes = pipes, processes

    def tell(self, command: Command) -> None:
        for rank, pipe in enumerate(self._pipes, start=1):
            try:
                pipe.send(command)
            except OSError as error:
                raise self._gone(rank) from error

    def answers(self) -> list[str | None]:
        said: list[str | None] = []
        for rank, pipe in enumerate(self._pipes, start=1):
            try:
                said.append(pipe.recv())
            except (EOFError, OSError) as error:
                raise self._gone(rank) from error
        return said

    def lost(self) -> Exception | None:
        ended = wait([p.sentinel for p in self._processes], timeout=LAST_WORD_SECONDS)
        for rank, process in enumerate(self._processes, start=1):
            if process.sentinel in ended:
                return self._gone(rank)
        return None

    def _gone(self, rank: int) -> RanksLost:
        process = self._processes[rank - 1]
        process.join(LAST_WORD_SECONDS)
        return RanksLost(f"Process {rank} of the group has ended, with code {process.exitcode}.")


def _follow(
    *,
    corpus: Path,
    meeting: Meeting,
    rank: int,
    device: Device,
    patience_seconds: float,
    commands: Connection,
) -> None:
    """Be one of the other ranks until the commands end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is rank 0's: it ends the commands
    if device == "cuda":
        torch.cuda.set_device(rank)
    opened = open_corpus(corpus)
    commands.send(None)
    with joined(
        meeting, rank, device=device, address=LOOPBACK, patience_seconds=patience_seconds
    ) as ranks:
        follower = Follower(opened, ranks)
        while True:
            try:
                command = commands.recv()
            except EOFError:
                return
            commands.send(follower.obey(command))
