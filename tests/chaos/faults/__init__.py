"""The faults, by name: one file each, as `Fault` asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from tests.chaos.faults.altered_checkpoint import FlippedBit, TruncatedCheckpoint
from tests.chaos.faults.clock_set_back import ClockSetBack
from tests.chaos.faults.full_disk import FullDisk
from tests.chaos.faults.killed_driver import KilledDriver
from tests.chaos.faults.killed_gcs import KilledGcs
from tests.chaos.faults.killed_head import KilledHead
from tests.chaos.faults.killed_mailbox import KilledMailbox
from tests.chaos.faults.killed_mlflow import KilledMlflow
from tests.chaos.faults.killed_node import KilledNode
from tests.chaos.faults.killed_worker import KilledWorker
from tests.chaos.faults.memory import KilledForMemory, RefusedMemory
from tests.chaos.faults.refusing_store import RefusingStore
from tests.chaos.faults.stopped_worker import StoppedWorker
from tests.chaos.faults.torn_line import TornLine

if TYPE_CHECKING:
    import random

    from tests.chaos.world import World


class Fault(Protocol):
    """Something that goes wrong."""

    driver: Literal["lives", "ends", "is killed"]
    """Whether the driver's process lives through it; if not, the search is resumed by command."""

    def obstacle(self, world: World) -> str | None:
        """Return why it cannot be injected here; none: it can."""

    def inject(self, world: World, draw: random.Random) -> str:
        """Do it, and afterwards what an operator does: restart a server, free a disk.

        Returns:
            What it struck.
        """


FAULTS: dict[str, Fault] = {
    "clock set back": ClockSetBack(),
    "disk full": FullDisk(),
    "bit flipped in a checkpoint": FlippedBit(),
    "checkpoint truncated": TruncatedCheckpoint(),
    "kill -9 of the driver": KilledDriver(),
    "kill -9 of the GCS": KilledGcs(),
    "kill -9 of the head node": KilledHead(),
    "kill -9 of the mailbox": KilledMailbox(),
    "kill -9 of MLflow": KilledMlflow(),
    "kill -9 of a node": KilledNode(),
    "kill -9 of a worker": KilledWorker(),
    "last line of the log torn": TornLine(),
    "out of memory: killed": KilledForMemory(),
    "out of memory: refused": RefusedMemory(),
    "object store answers 503": RefusingStore(),
    "worker stopped": StoppedWorker(),
}
