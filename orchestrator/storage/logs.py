"""Opens the log of a search to write it, wherever it is kept."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from orchestrator.event_log import EventLog
from orchestrator.storage.claims import EVENTS, USUAL, Claim
from orchestrator.storage.mirror import Mirror
from orchestrator.storage.restoring import restore
from orchestrator.storage.working_copy import ORIGIN, RUN_FILE, locked, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.storage.claims import Rhythm
    from trainers.folder import Folder


@contextlib.contextmanager
def open_log(path: Path) -> Iterator[EventLog]:
    """Open a log as its one writer.

    Args:
        path: Of the file; in a working copy it is restored from the store, which has it first.

    Raises:
        UserError: Another process writes it, it is damaged, or its store does not answer.
    """
    store = origin_of(path.parent)
    if store is None:
        with EventLog(path) as log:
            yield log
        return
    root = next(above for above in path.parents if (above / ORIGIN).exists())
    with open_mirrored(store, path, root=root) as log:
        yield log


@contextlib.contextmanager
def open_mirrored(
    folder: Folder, path: Path, *, root: Path, rhythm: Rhythm = USUAL
) -> Iterator[EventLog]:
    """Open a log that is kept in a folder, with its copy in a file.

    Args:
        folder: Holds `events` and `writers`.
        path: Of the copy.
        root: Of the working copy, locked while the file is restored.
        rhythm: Of the heartbeat.

    Raises:
        UserError: As `open_log`.
    """
    run_file = path.parent / RUN_FILE

    def begin() -> None:
        if run_file.exists():
            folder.write(RUN_FILE, [run_file.read_bytes()])

    events = folder / EVENTS
    with contextlib.ExitStack() as stack:
        claim = Claim(folder, rhythm)
        stack.callback(claim.close)
        with locked(root):
            restored = restore(events, path)
            mirror = Mirror(events, claim, path, restored=restored, begin=begin)
            log = stack.enter_context(EventLog(path, mirror=mirror))
        stack.callback(mirror.close)
        assert len(log.events) == restored.lines
        yield log
