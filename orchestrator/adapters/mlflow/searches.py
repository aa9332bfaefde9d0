"""Finds searches in MLflow, and their event logs: on this disk, or from their artifacts."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.mlflow.client import (
    URI_VARIABLE,
    open_client,
    sqlite_path,
    sqlite_uri,
    told_to_users,
)
from orchestrator.adapters.mlflow.stores import found_runs
from orchestrator.cache import cache_directory
from orchestrator.errors import Clause, UserError
from orchestrator.event_log import LOG_NAME
from orchestrator.record.identity import search_id
from orchestrator.record.values import PARENT, SEARCH_TAG, SEGMENT_TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

_RUN_ID = re.compile(r"[0-9a-f]{32}")
_DEFAULT_STORES = (Path("runs/mlflow.db"), Path("mlflow.db"))
"""Where searches are recorded unless told otherwise, from where they run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedSearch:
    """A search that MLflow knows, with its log on this disk."""

    name: str
    """The parent run's."""
    events_path: Path


def fetch_logs(name: str, *, tracking_uri: str | None) -> tuple[FetchedSearch, ...]:
    """Return the searches of an experiment, or the one that a run belongs to.

    A log is read where its search ran if it is still there; otherwise what was recorded of it is
    copied into the cache ($MASGA_CACHE, or under ~/.cache).

    Args:
        name: A run's id (of a search, or of one of its segments), or an experiment's name.
        tracking_uri: The store; none: $MLFLOW_TRACKING_URI, or the file that searches which ran
            here have made.

    Raises:
        UserError: No such run or experiment, no search in it, its log is gone, or the store is
            not there or of another version of MLflow.
    """
    uri = tracking_uri or default_store()
    path = sqlite_path(uri)
    if path is not None and not path.is_file():
        raise UserError(
            where=uri,
            law="a store that is read exists",
            found=Clause("there is no such file"),
            remedy="Correct --tracking-uri; searches write runs/mlflow.db unless told otherwise.",
        )
    with told_to_users(uri):
        client = open_client(uri)
        parents = (
            [_parent_of(client, name, uri)]
            if _RUN_ID.fullmatch(name)
            else _parents_in(client, name, uri)
        )
        return tuple(_fetched(client, parent, uri) for parent in parents)


def default_store() -> str:
    """Return the store that is meant when none is named.

    Raises:
        UserError: There is none.
    """
    if os.environ.get(URI_VARIABLE):
        return os.environ[URI_VARIABLE]
    for path in _DEFAULT_STORES:
        if path.is_file():
            return sqlite_uri(path)
    raise UserError(
        where="MLflow",
        law=f"a store is named by --tracking-uri or ${URI_VARIABLE}, or is {_DEFAULT_STORES[0]}",
        found="none of them",
        remedy="Name it, or give the directory of the search instead.",
    )


def _parent_of(client: Any, run_id: str, uri: str) -> Any:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - seconds

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise UserError(
            where=f"{uri}: {run_id}",
            law="a run id is one of the store",
            found=Clause("it has none of that id"),
            remedy="Copy it from the run's page in MLflow, or name another store.",
        ) from error
    search = run.data.tags.get(SEARCH_TAG)
    if search is None:
        raise UserError(
            where=f"{uri}: {run_id}",
            law="a run to compare was recorded by masga",
            found=Clause("it is something else's"),
            remedy="Give a search's run, one of its segments', or a directory.",
        )
    if run.data.tags.get(SEGMENT_TAG) == PARENT:
        return run
    query = f"tags.`{SEARCH_TAG}` = '{search}' and tags.`{SEGMENT_TAG}` = '{PARENT}'"
    parents = found_runs(client, [run.info.experiment_id], query)
    if not parents:
        raise UserError(
            where=f"{uri}: {run_id}",
            law="a segment's search is in its experiment too",
            found=Clause("that run was deleted"),
            remedy="Restore it in MLflow, or 'masga sync DIR'.",
        )
    return parents[0]


def _parents_in(client: Any, name: str, uri: str) -> Sequence[Any]:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        known = sorted(e.name for e in client.search_experiments(max_results=20))
        raise UserError(
            where=f"{uri}: {name}",
            law="a search is named by its directory, a run id (32 hex) or an experiment",
            found=Clause("the store has no experiment of that name"),
            remedy=f"It has: {', '.join(known)}.",
        )
    parents = found_runs(client, [experiment.experiment_id], f"tags.`{SEGMENT_TAG}` = '{PARENT}'")
    if not parents:
        raise UserError(
            where=f"{uri}: {name}",
            law="an experiment to compare holds searches",
            found=Clause("it holds none"),
            remedy="Record one there: masga sync DIR --experiment NAME.",
        )
    return sorted(parents, key=lambda run: (run.info.start_time, run.info.run_id))


def _fetched(client: Any, parent: Any, uri: str) -> FetchedSearch:
    tags = parent.data.tags
    name = str(parent.info.run_name)
    local = Path(tags.get("directory", "")) / LOG_NAME
    if tags.get("directory") and search_id(local) == tags[SEARCH_TAG]:
        return FetchedSearch(name=name, events_path=local)
    run_id = str(parent.info.run_id)
    if LOG_NAME not in {artifact.path for artifact in client.list_artifacts(run_id)}:
        raise UserError(
            where=f"{uri}: {run_id}",
            law="a search's log is in its directory or among its artifacts",
            found=Clause(f"it is in neither ({local.parent} holds another search or none)"),
            remedy="Run 'masga sync DIR' where the search is.",
        )
    place = cache_directory() / "mlflow" / run_id
    place.mkdir(parents=True, exist_ok=True)
    return FetchedSearch(
        name=name, events_path=Path(client.download_artifacts(run_id, LOG_NAME, str(place)))
    )
