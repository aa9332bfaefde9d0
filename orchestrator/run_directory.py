"""The directory of one search: a new one for each, never one that holds another."""

from __future__ import annotations

import os
import tempfile
from itertools import count
from typing import TYPE_CHECKING

import yaml

from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME
from orchestrator.run_loading import read_run

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.run_config import RunConfig

RESOLVED = "run.yaml"
"""The run file with every default written out."""
CHECKPOINTS = "checkpoints"
"""The directory of members' states, one a `StateKey`."""


def claim_directory(run: RunConfig) -> Path:
    """Make `output/name`, or `output/name-2`, `-3`, ... if that has anything in it.

    Raises:
        UserError: The output directory cannot be written.
    """
    output = run.output_directory
    try:
        output.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            directory = output / (run.name if number == 1 else f"{run.name}-{number}")
            try:
                directory.mkdir()
            except FileExistsError:
                continue
            values = {**run.deciding(), **run.beside(), "output": str(output.resolve())}
            text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
            (directory / RESOLVED).write_text(text, encoding="utf-8")
            return directory
    except OSError as error:
        raise unwritable(output, error) from None
    raise AssertionError("count() does not end")


def release_directory(directory: Path) -> None:
    """Remove a claimed directory if its search never began, so that no empty ones pile up."""
    held = {path.name: path for path in directory.iterdir()}
    log = held.pop(LOG_NAME, None)
    if held.keys() <= {RESOLVED} and (log is None or log.stat().st_size == 0):
        for path in (log, held.get(RESOLVED)):
            if path is not None:
                path.unlink()
        directory.rmdir()


def check_holds_search(directory: Path) -> None:
    """Check that there is something to resume.

    Raises:
        UserError: There is not.
    """
    if not (directory / LOG_NAME).is_file():
        raise UserError(
            where=str(directory),
            law=f"a search that can be resumed has an event log, {LOG_NAME}",
            found="none" if directory.is_dir() else "no such directory",
            remedy="Check the path, or start the search with: masga search RUN.yaml.",
        )


def read_resolved(directory: Path) -> RunConfig:
    """Read the resolved run file of a search; nothing that it names is imported.

    Raises:
        UserError: It is missing or was altered.
    """
    return read_run(directory / RESOLVED).config


def check_writable(directory: Path) -> None:
    """Check that files can be made in `directory`, or in the nearest one above that exists.

    Raises:
        UserError: They cannot.
    """
    existing = next(d for d in (directory, *directory.absolute().parents) if d.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(os.urandom(4096))
    except OSError as error:
        raise unwritable(directory, error) from None


def unwritable(directory: Path, error: OSError) -> UserError:
    """Return what a failure to write means to the user."""
    return UserError(
        where=str(directory),
        law="the output directory must be writable, with room left",
        found=f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else ""),
        remedy="Mend that, or choose another directory with --output DIR.",
    )
