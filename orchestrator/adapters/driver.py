"""Runs a search on Ray Tune, from its run file or from its log."""

from __future__ import annotations

import logging
import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.adapters.environment import ray_cluster
from orchestrator.adapters.hosting import Hosting, count_workers, host
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME
from orchestrator.events import SearchStarted
from orchestrator.interrupts import remembered_interrupts
from orchestrator.journal import Journal
from orchestrator.observers import Audience
from orchestrator.resuming import has_finished, require_same_text, run_to_resume
from orchestrator.run_corpus import corpus_json, corpus_of_search
from orchestrator.run_directory import check_holds_search, check_writable
from orchestrator.search import Search
from orchestrator.setting import prepare
from orchestrator.snapshots.folder import SnapshotFolder
from orchestrator.storage.logs import open_log
from orchestrator.storage.working_copy import shown, snapshots_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.event_log import EventLog
    from orchestrator.interrupts import Interrupts
    from orchestrator.observers import Observer
    from orchestrator.run_config import RunConfig

_LOG = logging.getLogger("masga")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutcome:
    """How a run of the driver ended."""

    directory: Path
    finished: bool
    """False: interrupted; `masga resume` goes on."""
    departures: int
    """Events that were decided otherwise on resuming; the log's were kept."""


def run_search(
    config: RunConfig, directory: Path, *, observers: Sequence[Observer] = ()
) -> SearchOutcome:
    """Start a search in a directory that holds none.

    Raises:
        UserError: The run file, the corpus, the directory or the cluster is not as it must be.
        KeyboardInterrupt: Interrupted; the search can be resumed.
    """
    _claim(directory)
    return _run(config, directory, observers, trust=True)


def resume_search(
    directory: Path, *, observers: Sequence[Observer] = (), trust: bool = False
) -> SearchOutcome:
    """Go on with a search from its log.

    Args:
        directory: The search's.
        observers: Told of what happens.
        trust: See `orchestrator.trust`.

    Raises:
        UserError: There is no search here, it is damaged, another process runs it, or it is not
            the user's own and reaches beyond its directory.
        KeyboardInterrupt: Interrupted again.
    """
    return _run(None, directory, observers, trust=trust)


def _claim(directory: Path) -> None:
    """See that a search can be kept here and that none is.

    Raises:
        UserError: There is one, or the directory cannot be written.
    """
    check_writable(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if (directory / LOG_NAME).exists():
        raise UserError(
            where=str(directory),
            law="a directory holds one search",
            found="one that is already there",
            remedy=f"Go on with it ('masga resume {directory}') or choose another directory.",
        )


def _run(
    config: RunConfig | None, directory: Path, observers: Sequence[Observer], *, trust: bool
) -> SearchOutcome:
    if config is None:
        check_holds_search(directory)
    audience = Audience(observers)
    try:
        with remembered_interrupts() as interrupts, open_log(directory / LOG_NAME) as log:
            if has_finished(log.events):
                for number, event in enumerate(log.events):
                    audience.on_event(event, number, replayed=True)
                return SearchOutcome(directory=directory, finished=True, departures=0)
            if config is None:
                config = run_to_resume(log.events, directory, trust=trust)
            return _go_on(config, directory, log, audience, interrupts)
    finally:
        audience.close()


def _go_on(
    config: RunConfig,
    directory: Path,
    log: EventLog,
    audience: Audience,
    interrupts: Interrupts,
) -> SearchOutcome:
    """Begin the search, or go on where its log ends; the log begins once nothing is amiss."""
    text = None
    if log.events and isinstance(log.events[0], SearchStarted):
        text = corpus_of_search(config, directory, log.events[0].corpus)
    setting = prepare(config, text=text)
    for note in setting.notes:
        _LOG.warning("%s", note)
    started = SearchStarted(
        run=config.deciding(),
        space=setting.rules.space.to_json(),
        corpus=corpus_json(setting.corpus, setting.notes),
        horizon_tokens=setting.settings.horizon_tokens,
        generations=setting.rules.generations,
        environment={"run": config.beside(), "began_at": time.time(), **setting.environment},
    )
    if log.events:
        require_same_text(log.events[0], started.corpus, directory / LOG_NAME)
    journal = Journal(log, audience.on_event, on_past=audience.on_past)
    resources = config.resources
    with ray_cluster(
        address=resources.address, num_cpus=None, object_store_bytes=resources.object_store
    ) as lifeline:
        hosting = Hosting(
            directory=directory,
            setting=setting,
            resources=resources,
            workers=count_workers(resources, most=config.population.members),
            keep_generations=config.checkpoints.keep_generations,
            one_by_one=config.population.mode == "asynchronous",
            spread=1 if config.population.mode == "asynchronous" else None,
            again=f"masga resume {shlex.quote(shown(directory))}",
            lifeline=lifeline,
        )
        journal.record([started])
        snapshots = SnapshotFolder(snapshots_in(directory), log)
        search = Search(setting.rules, journal, snapshots=snapshots)
        host(search, hosting, journal=journal, audience=audience, interrupts=interrupts)
    if journal.departures:
        _LOG.warning(
            "%d decisions came out otherwise than in the log (another version of a "
            "library?); the log's were kept.",
            journal.departures,
        )
    return SearchOutcome(
        directory=directory, finished=search.finished, departures=journal.departures
    )
