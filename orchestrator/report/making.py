"""Makes the report of a directory: reads the log, writes the page."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.certification.directory import certificates
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.logged_events import DamagedLogError
from orchestrator.report.search_report import search_report
from orchestrator.report.subject import State, Subject
from orchestrator.run_directory import check_holds_search, unwritable
from orchestrator.storage.working_copy import has_writer
from orchestrator.story.telling import told

if TYPE_CHECKING:
    from orchestrator.certification import Certificate

REPORT_NAME = "report.html"


def subject_of(directory: Path, *, commands: frozenset[str]) -> Subject:
    """Read a search: all of it, or what is whole before a damaged line.

    Raises:
        UserError: No search is there, or it has not begun.
    """
    check_holds_search(directory)
    path = directory / LOG_NAME
    damage = None
    try:
        events = tuple(read_log(path)[0])
    except DamagedLogError as error:
        events, damage = error.whole, str(error)
    story = told(events)
    if story.started is None:
        raise UserError(
            where=str(path),
            law="a report tells of a search that has begun",
            found="an empty log" if damage is None else f"a log whose start is damaged ({damage})",
            remedy="Wait until the search has begun, or start it with: masga search RUN.yaml.",
        )
    state: State = "running" if has_writer(path) else "stopped"
    certificate, certificate_damage = _certificate(directory)
    return Subject(
        story=story,
        directory=directory,
        state="finished" if story.finished is not None else state,
        damage=damage,
        commands=commands,
        certificate=certificate,
        certificate_damage=certificate_damage,
    )


def _certificate(directory: Path) -> tuple[Certificate | None, str | None]:
    """Return the newest finished certificate of a search, or why none can be read."""
    try:
        found = certificates(directory)
    except UserError as error:
        return None, str(error)
    return (found[-1][1] if found else None), None


def write_report(subject: Subject, target: Path) -> None:
    """Make the page and write it.

    Raises:
        UserError: The place cannot be written.
    """
    write_text(search_report(subject), target)


def write_text(text: str, target: Path) -> None:
    """Write a page: whole, or not at all.

    Raises:
        UserError: The place cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(target, error) from None


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
