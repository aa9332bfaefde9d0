"""The record of a search, made or completed from its event log."""

from __future__ import annotations

import contextlib
import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.adapters.mlflow.client import told_to_users
from orchestrator.adapters.mlflow.ending import write_ending
from orchestrator.adapters.mlflow.recorder import Recorder
from orchestrator.errors import Clause, UserError
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.logged_events import DamagedLogError
from orchestrator.record.identity import search_id
from orchestrator.record.search import search_record
from orchestrator.storage.working_copy import has_writer
from orchestrator.story.telling import told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a store holds of a search now, and what of it is new."""

    run_id: str
    """The parent's."""
    segments: int
    new_runs: int
    new_points: int
    generations: int
    """Closed so far."""
    planned_generations: int
    is_running: bool
    is_finished: bool
    damage: str | None
    """Which line of the log is damaged; what is whole before it was recorded."""


def sync(
    directory: Path, *, tracking_uri: str, experiment: str, register_model: str | None
) -> Synced:
    """Bring a store from whatever it holds of a search to all that the event log tells.

    Args:
        directory: Of the search; it may be running.
        tracking_uri: The store.
        experiment: Its name; made if there is none.
        register_model: Registered model that the winner becomes a version of; none: none.

    Raises:
        UserError: The log is empty or damaged at its start, or the store cannot be used. What was
            written before stays, and the next call goes on from there.
    """
    with _no_collection(), told_to_users(tracking_uri):
        recorder = Recorder(tracking_uri, experiment, directory)
        with recorder.turn():
            return _sync(recorder, directory, register_model)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Let no garbage be looked for: some million values are made here, and all of them kept.

    Half of the time of a sync of 50,000 intervals would go into looking.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _sync(recorder: Recorder, directory: Path, register_model: str | None) -> Synced:
    log = directory / LOG_NAME
    is_running = has_writer(log)
    damage: str | None = None
    try:
        events = tuple(read_log(log)[0])
    except DamagedLogError as error:
        events, damage = error.whole, str(error)
    story, search = told(events), search_id(log)
    if story.started is None or search is None:
        raise UserError(
            where=str(log),
            law="a search that is recorded has begun",
            found=Clause("its log is empty" if damage is None else f"its start is lost ({damage})"),
            remedy="Wait for its first generation, or start it again in a new directory.",
        )
    record = search_record(
        story,
        search=search,
        name=directory.resolve().name,
        directory=str(directory.resolve()),
        is_running=is_running,
    )
    brought = recorder.bring(record)
    write_ending(recorder, record, story, directory, lines=len(events), model=register_model)
    return Synced(
        run_id=recorder.parent_run_id,
        segments=len(record.segments),
        new_runs=brought.new_runs,
        new_points=brought.new_points,
        generations=len(story.closings),
        planned_generations=story.started.generations,
        is_running=is_running,
        is_finished=story.finished is not None,
        damage=damage,
    )
