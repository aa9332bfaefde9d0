"""The directories of a search's certifications: `certificate-1`, `certificate-2`, ..."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from orchestrator.certification.certificate import certificate_of
from orchestrator.certification.tally import tallied
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import encode
from orchestrator.run_directory import unwritable

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.certification.certificate import Certificate
    from orchestrator.events import CertificationStarted, Event

_NAME = re.compile(r"certificate-([1-9][0-9]*)")


def certifications(search: Path) -> tuple[Path, ...]:
    """Return the certifications of a search that have begun, the oldest first."""
    return tuple(path for path in _numbered(search) if (path / LOG_NAME).is_file())


def certificates(search: Path) -> tuple[tuple[Path, Certificate], ...]:
    """Return the finished certificates of a search and where they are, the oldest first.

    Raises:
        UserError: A log is damaged.
    """
    found: list[tuple[Path, Certificate]] = []
    for path in certifications(search):
        tally = tallied(read_log(path / LOG_NAME)[0])
        if tally.finished:
            found.append((path, certificate_of(tally)))
    return tuple(found)


def place_of(search: Path, started: CertificationStarted) -> tuple[Path, tuple[Event, ...]]:
    """Return where a certification is kept, and what its log tells so far.

    That is the directory in which the very same one began, or else a new one.

    Raises:
        UserError: A log is damaged, or the directory cannot be made.
    """
    for path in certifications(search):
        events = tuple(read_log(path / LOG_NAME)[0])
        if not events or _lasting(events[0]) == _lasting(started):
            return path, events
    taken = [int(path.name.rpartition("-")[2]) for path in _numbered(search)]
    path = search / f"certificate-{max(taken, default=0) + 1}"
    try:
        path.mkdir()
    except OSError as error:
        raise unwritable(path, error) from error
    return path, ()


def _numbered(search: Path) -> list[Path]:
    paths = [path for path in search.iterdir() if path.is_dir() and _NAME.fullmatch(path.name)]
    return sorted(paths, key=lambda path: int(path.name.rpartition("-")[2]))


def _lasting(event: Event) -> tuple[str, object]:
    """Return what two tellings of one event share; lists and tuples alike, as in a log."""
    kind, lasting, _ = encode(event)
    return kind, json.loads(json.dumps(lasting))
