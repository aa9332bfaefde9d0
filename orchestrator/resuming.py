"""What a search goes on from: its log for all that decides it, its run file for where it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import ValidationError

from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import (
    KINDS,
    Assessed,
    CertificationStarted,
    Reported,
    SearchFinished,
    SearchStarted,
)
from orchestrator.garbage import uncollected
from orchestrator.logged_events import last_line
from orchestrator.mistakes import gathered
from orchestrator.run_config import RunConfig
from orchestrator.run_directory import RESOLVED, read_resolved
from orchestrator.run_file import RunFile
from orchestrator.run_loading import check_own_code
from orchestrator.run_mistakes import user_errors
from orchestrator.storage.working_copy import origin_of, shown
from orchestrator.tasks import answered
from orchestrator.trust import require_trusted, search_reaches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.conductor import Conductor
    from orchestrator.events import JSON, Event
    from orchestrator.journal import Journal
    from orchestrator.tasks import Task


def has_finished(events: Sequence[Event]) -> bool:
    """Return whether a log has come to its end."""
    return bool(events) and isinstance(events[-1], SearchFinished)


def seems_finished(log: Path) -> bool:
    """Return whether the last line of a log says that its search has finished.

    Whoever opens the log checks it; a million lines take seconds.
    """
    try:
        return KINDS.get(json.loads(last_line(log)[0])["event"]) is SearchFinished
    except (OSError, ValueError, KeyError, TypeError):
        return False


def run_to_show(directory: Path) -> RunConfig:
    """Return the run of a search as its run file says, or its log if that is gone.

    Raises:
        UserError: Both are gone or damaged.
    """
    if (directory / RESOLVED).exists():
        return read_resolved(directory)
    return logged_run(read_log(directory / LOG_NAME)[0], directory)


def run_to_resume(events: Sequence[Event], directory: Path, *, trust: bool = False) -> RunConfig:
    """Return the run of a search; where and with what it runs may have been edited since.

    Args:
        events: Of its log.
        directory: Where the log lies.
        trust: Use what log and run file name (code, files elsewhere, servers) whosever they are.

    Raises:
        UserError: There is nothing to go on with, what decides the search was edited too, or the
            search is not the user's own and reaches too far.
    """
    run = _run_to_resume(events, directory)
    require_trusted(lambda: search_reaches(run, directory), files=files_of(directory), trust=trust)
    check_own_code(run, RunFile(name=f"{directory / LOG_NAME}:1", values={}, places={}))
    return run


def files_of(directory: Path) -> tuple[Path | str, ...]:
    """Return what says what a search is: its log, and its run file if it is there, or its store."""
    if origin_of(directory) is not None:
        return (shown(directory),)
    return tuple(path for path in (directory / LOG_NAME, directory / RESOLVED) if path.exists())


def _run_to_resume(events: Sequence[Event], directory: Path) -> RunConfig:
    logged = logged_run(events, directory)
    path = directory / RESOLVED
    if not path.exists():
        return logged
    run = read_resolved(directory)
    before, now = logged.deciding(), run.deciding()
    changed = [key for key in before if before[key] != now[key]]
    if changed:
        raise UserError(
            where=f"{path}: {', '.join(changed)}",
            law="a search goes on by the rules it began with",
            found="others",
            remedy=f"Undo that (or delete the file: {LOG_NAME} has it all), or start a new search.",
        )
    return run


def logged_run(events: Sequence[Event], directory: Path) -> RunConfig:
    """Return the run that a log began with.

    Raises:
        UserError: It never began, or says what no run says.
    """
    path = directory / LOG_NAME
    started = events[0] if events else None
    if isinstance(started, CertificationStarted):
        raise UserError(
            where=str(path),
            law="a search's log begins with its start",
            found="the log of a certification",
            remedy=f"Give the search, {directory.parent}; 'masga certify' goes on with this one.",
        )
    if not isinstance(started, SearchStarted):
        raise UserError(
            where=str(path),
            law="a log begins with its search's start",
            found="an empty log" if started is None else type(started).__name__,
            remedy="Nothing was done yet: start the search again in a new directory.",
        )
    beside = started.environment.get("run")
    values = {**started.run, **(beside if isinstance(beside, dict) else {})}
    try:
        return RunConfig.from_json(values)
    except ValidationError as error:
        run_file = RunFile(name=f"{path}:1", values=values, places={})
        raise gathered(user_errors(error, run_file)) from None


def require_same_text(logged: Event, corpus: dict[str, JSON], path: Path) -> None:
    """Check that the corpus is still the one that the search began with.

    Args:
        logged: The search's start.
        corpus: What the run file's sources are now (`run_corpus.corpus_json`).
        path: Of the log.

    Raises:
        UserError: It is another one.
    """
    assert isinstance(logged, SearchStarted)
    if logged.corpus["digest"] != corpus["digest"]:
        raise UserError(
            where=f"{path}: corpus",
            law=f"a search goes on with the text it began with, {logged.corpus['digest']}",
            found=f"other text, {corpus['digest']}",
            remedy="Put the files of its sources back as they were, or start a new search.",
        )


def open_tasks(conductor: Conductor, journal: Journal) -> tuple[Task, ...]:
    """Begin again, meet the reports of the log again, and return the tasks that are open.

    Args:
        conductor: May follow the log by itself for a while; only what is ahead then is met.
        journal: Its own, over the log.
    """
    with uncollected():
        tasks = {task.name: task for task in conductor.begin()}
        for event in journal.ahead():
            if isinstance(event, Reported | Assessed):
                tasks.pop(answered(event), None)
                tasks |= {task.name: task for task in conductor.receive(event)}
    return tuple(tasks.values())
