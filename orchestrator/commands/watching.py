"""Runs a search with its observers and tells its end; what `search` and `resume` share."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from orchestrator.adapters.mlflow.observer import MlflowRecord
from orchestrator.commands.failures import exit_code
from orchestrator.commands.signals import INTERRUPTED
from orchestrator.console.live_table import LiveTable
from orchestrator.console.plain import PlainConsole
from orchestrator.console.plain_lines import PlainLines
from orchestrator.console.summary import Places, as_text, summary
from orchestrator.credentials import without_secrets
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME
from orchestrator.observers import Audience
from orchestrator.report.making import REPORT_NAME, subject_of, write_report
from orchestrator.run_directory import RESOLVED
from orchestrator.storage.working_copy import publish, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orchestrator.observers import Observer
    from orchestrator.run_config import RunConfig

_PLAIN_WIDTH = 160


def watch(
    search: Callable[[Sequence[Observer]], object], *, directory: Path, config: RunConfig
) -> int:
    """Run the search, show it, and return the exit code.

    Raises:
        UserError: As the search does; nothing done is lost.
    """
    console = PlainConsole()
    if not console.is_terminal:
        console = PlainConsole(width=_PLAIN_WIDTH)
    display = LiveTable(console) if console.is_terminal else PlainLines(console)
    record = MlflowRecord(config.mlflow, directory=directory) if config.mlflow.enabled else None
    audience = Audience([display] if record is None else [display, record])
    console.print(f"search in {shown(directory)}", highlight=False, soft_wrap=True)
    again = f"masga resume {shlex.quote(shown(directory))}"
    if record is not None:
        record.knock()
    try:
        search((audience,))
    except KeyboardInterrupt:
        audience.close()
        told = f"stopped; go on with: {again}" if _has_begun(directory) else "stopped at the start"
        print(f"masga: {told}", file=sys.stderr)
        _tell_lost(record)
        return INTERRUPTED
    except Exception as error:
        audience.close()
        if isinstance(error, UserError):
            raise
        code = exit_code(error, directory=directory)
        if _has_begun(directory):
            print(f"masga: What was done is kept; go on with: {again}", file=sys.stderr)
            _tell_lost(record)
        return code
    audience.close()
    _leave_report(directory)
    ending = summary(display.story, _places(directory, record))
    if console.is_terminal:
        console.print(ending, highlight=False)
    else:
        print(as_text(ending, width=_PLAIN_WIDTH))
    _tell_lost(record)
    return 0


def _tell_lost(record: MlflowRecord | None) -> None:
    if record is not None and record.lost:
        print(f"masga: {record.lost}", file=sys.stderr)


def _has_begun(directory: Path) -> bool:
    log = directory / LOG_NAME
    return log.exists() and log.stat().st_size > 0


def _leave_report(directory: Path) -> None:
    """Write the report; whatever goes wrong with it, the search is done and stays so."""
    from orchestrator.cli import command_names  # noqa: PLC0415 - the parser imports the commands

    try:
        subject = subject_of(directory, commands=command_names())
        write_report(subject, directory / REPORT_NAME)
        publish(directory / REPORT_NAME)
    except Exception as error:  # noqa: BLE001 - the result of the search does not hang on a page
        again = f"masga report {shlex.quote(shown(directory))}"
        print(
            f"masga: the report could not be made ({type(error).__name__}: "
            f"{without_secrets(str(error))}). "
            f"The search has ended well; try again: {again}",
            file=sys.stderr,
        )


def _places(directory: Path, record: MlflowRecord | None) -> Places:
    files = [
        ("report, to open in a browser", directory / REPORT_NAME),
        ("event log, the whole search", directory / LOG_NAME),
        ("run file with every default", directory / RESOLVED),
    ]
    run = shlex.quote(str(directory / RESOLVED))
    commands = [
        ("the winner in transformers", f"masga export {shlex.quote(shown(directory))} --format hf"),
        ("again with another seed", f"masga search {run} --seed 2"),
    ]
    if record is not None:
        commands.append(("curves in the browser", record.command))
    kept = tuple((what, path) for what, path in files if path.exists())
    return Places(files=kept, commands=tuple(commands))
