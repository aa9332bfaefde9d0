"""The directory of one search: a new one for each, never one that holds another."""

from __future__ import annotations

import os
import tempfile
from itertools import count
from typing import TYPE_CHECKING

import yaml

from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, is_being_written
from orchestrator.run_loading import read_run
from orchestrator.storage.claims import WRITERS
from orchestrator.storage.place import is_remote, local_path
from orchestrator.storage.store import Store
from orchestrator.storage.working_copy import OF_COPY, copy_of, forget, make_copy, shown

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.run_config import RunConfig

RESOLVED = "run.yaml"
"""The run file with every default written out."""
CHECKPOINTS = "checkpoints"
"""The directory of members' states, one a `StateKey`."""


def claim_directory(run: RunConfig) -> Path:
    """Make `output/name`, or `output/name-2`, `-3`, ... if that has anything in it.

    Returns:
        The directory; where `output` is a URI, the working copy of what will be there. Nothing is
        written there before the first event.

    Raises:
        UserError: The output directory cannot be written, or its store not read.
    """
    if is_remote(run.output):
        return _claim_copy(run)
    output = local_path(run.output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            directory = output / (run.name if number == 1 else f"{run.name}-{number}")
            try:
                directory.mkdir()
            except FileExistsError:
                continue
            _write_resolved(run, directory, output=str(output.resolve()))
            return directory
    except OSError as error:
        raise unwritable(output, error) from None
    raise AssertionError("count() does not end")


def _claim_copy(run: RunConfig) -> Path:
    output = Store.open(run.output, where="output")
    for number in count(1):
        store = output / (run.name if number == 1 else f"{run.name}-{number}")
        begun = set(store.folders()) - {WRITERS}  # a writer that never began leaves that, empty
        if begun or store.entries() or (store / WRITERS).entries():
            continue
        directory = copy_of(store)
        log = directory / LOG_NAME
        try:
            if log.exists() and log.stat().st_size and not is_being_written(log):
                forget(directory)  # its search was deleted in the store
            directory.parent.mkdir(parents=True, exist_ok=True)
            try:
                directory.mkdir()
            except FileExistsError:
                continue  # of a search of this machine that has not stored its first event yet
            make_copy(store)
            _write_resolved(run, directory, output=str(output))
        except OSError as error:
            raise unwritable(directory, error) from None
        return directory
    raise AssertionError("count() does not end")


def _write_resolved(run: RunConfig, directory: Path, *, output: str) -> None:
    values = {**run.deciding(), **run.beside(), "output": output}
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    (directory / RESOLVED).write_text(text, encoding="utf-8")


def release_directory(directory: Path) -> None:
    """Remove a claimed directory if its search never began, so that no empty ones pile up."""
    held = {path.name: path for path in directory.iterdir()}
    log = held.get(LOG_NAME)
    if held.keys() <= {RESOLVED, LOG_NAME, *OF_COPY} and (log is None or log.stat().st_size == 0):
        for path in held.values():
            path.unlink()
        directory.rmdir()


def check_holds_search(directory: Path) -> None:
    """Check that there is something to resume.

    Raises:
        UserError: There is not.
    """
    if not (directory / LOG_NAME).is_file():
        raise UserError(
            where=shown(directory),
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
