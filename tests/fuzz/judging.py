"""The law of readers: they read, or refuse with an error of their own, soon and in bounded memory."""

from __future__ import annotations

import resource
import shutil
import signal
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.garbage import uncollected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fuzz.parser import Files, Parser

LONGEST_SECONDS = 1.0
"""Of processor time: how long it takes on a clock depends on what else the machine does."""
MOST_BYTES = 1 << 30
"""Of memory beyond what the process has when it begins."""


class TooLong(BaseException):
    """An input took longer than it may; no reader catches it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How one input was taken."""

    outcome: str
    """`read`, or the class of the error that refused it, or what the fault is."""
    is_fault: bool
    seconds: float
    """Of processor time."""
    trace: str = ""


def judged(parser: Parser, files: Files, place: Path) -> Judgement:
    """Let a parser read an input in a directory, which is emptied afterwards."""
    for name, data in files.items():
        (place / name).write_bytes(data)
    begun = time.process_time()
    try:
        with uncollected(), _for_at_most(LONGEST_SECONDS):  # a collection walks all of this process
            parser.read(place)
    except parser.errors as error:
        outcome, fault, trace = type(error).__name__, False, ""
    except TooLong:
        outcome, fault, trace = "hang", True, traceback.format_exc()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever else a library raises is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        outcome = f"{type(error).__name__} at {where.filename.rpartition('/')[2]}:{where.lineno}"
        fault, trace = True, traceback.format_exc()
    else:
        outcome, fault, trace = "read", False, ""
    seconds = time.process_time() - begun
    for path in place.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return Judgement(outcome=outcome, is_fault=fault, seconds=seconds, trace=trace)


@contextmanager
def _for_at_most(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def bounded_memory(more: int = MOST_BYTES) -> Iterator[None]:
    """Let this process have so many bytes more than it has now."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _data_bytes() -> int:
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 - not a file of a disk
        (line,) = (line for line in file if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024


def peak_bytes() -> int:
    """Return the most memory that this process has ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
