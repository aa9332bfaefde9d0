"""What a record needs of a tracking store, and the store that any MLflow is: its client."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.adapters.mlflow.client import sqlite_path
from orchestrator.errors import Clause, UserError
from orchestrator.record.values import SEARCH_TAG, SEGMENT_TAG, Known, marked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.record.values import Change, RunRecord

_PAGE = 1000
_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow's pages then show training runs first."""


class Store(Protocol):
    """One experiment of a tracking store."""

    def create(self, runs: Sequence[tuple[RunRecord, Mapping[str, str]]]) -> tuple[Known, ...]:
        """Make runs, each with the tags given beside it."""

    def write(self, changes: Sequence[Change]) -> None:
        """Write what is missing; what is there already is not doubled."""


class ClientStore:
    """Writes through MLflow's client: any store, call by call."""

    def __init__(self, client: Any, experiment_id: str) -> None:
        self._client, self._experiment_id = client, experiment_id

    def create(self, runs: Sequence[tuple[RunRecord, Mapping[str, str]]]) -> tuple[Known, ...]:
        """Make runs."""
        made: list[Known] = []
        for run, tags in runs:
            created = self._client.create_run(
                self._experiment_id,
                start_time=run.started_milliseconds,
                tags=dict(tags),
                run_name=run.name,
            )
            made.append(new(str(created.info.run_id), tags))
        return tuple(made)

    def write(self, changes: Sequence[Change]) -> None:
        """Write what is missing of each run, its status last."""
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - seconds

        for change in changes:
            metrics = [
                Metric(name, value, point.at_milliseconds, point.tokens)
                for point in change.points
                for name, value in marked(point).items()
            ]
            # the client cuts it into what a call may hold
            self._client.log_batch(
                change.run_id,
                metrics=metrics,
                params=[Param(name, value) for name, value in change.params.items()],
                tags=[RunTag(name, value) for name, value in change.tags.items()],
            )
            if change.status == "RUNNING":
                self._client.update_run(change.run_id, status=change.status)
            elif change.status is not None:
                self._client.set_terminated(change.run_id, change.status, change.ended_milliseconds)


def new(run_id: str, tags: Mapping[str, str]) -> Known:
    """Return what a store holds of a run that was just made."""
    return Known(
        run_id=run_id,
        tags=dict(tags),
        params=frozenset(),
        metrics={},
        status="RUNNING",
        ended_milliseconds=None,
    )


def known_runs(client: Any, experiment_id: str, search: str) -> dict[str, Known]:
    """Return what an experiment holds of a search, by the runs' keys.

    A call whose answer was lost may have made a run twice: the one with more in it is kept, the
    other one is deleted (MLflow can restore it).
    """
    known: dict[str, Known] = {}
    for run in found_runs(client, [experiment_id], f"tags.`{SEARCH_TAG}` = '{search}'"):
        key = run.data.tags.get(SEGMENT_TAG, "")
        this = Known(
            run_id=str(run.info.run_id),
            tags=dict(run.data.tags),
            params=frozenset(run.data.params),
            metrics=dict(run.data.metrics),
            status=str(run.info.status),
            ended_milliseconds=run.info.end_time,
        )
        other = known.get(key)
        if other is None:
            known[key] = this
            continue
        kept, left = sorted((this, other), key=lambda k: (-k.generation, -len(k.params), k.run_id))
        client.delete_run(left.run_id)
        known[key] = kept
    return known


def found_runs(client: Any, experiment_ids: Sequence[str], filter_string: str) -> list[Any]:
    """Return all living runs that a filter finds, the newest first."""
    runs: list[Any] = []
    token: str | None = None
    while True:
        page = client.search_runs(
            list(experiment_ids), filter_string, max_results=_PAGE, page_token=token
        )
        runs += page
        token = page.token
        if not token:
            return runs


def experiment_id(client: Any, name: str, *, uri: str) -> str:
    """Return the experiment of a name; it is made if there is none.

    Raises:
        UserError: It was deleted.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - seconds

    found = client.get_experiment_by_name(name)
    if found is None:
        path = sqlite_path(uri)
        place = None if path is None else (path.resolve().parent / "mlartifacts").as_uri()
        with contextlib.suppress(MlflowException):  # another writer may have made it just now
            return str(client.create_experiment(name, artifact_location=place, tags=_KIND))
        found = client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage != "active":
        number = "" if found is None else str(found.experiment_id)
        raise UserError(
            where=f"{uri}: experiment {name}",
            law="a search is recorded in an experiment that can be written",
            found=Clause("it was deleted" if found else "it could not be made"),
            remedy=(
                f"Restore it ('mlflow experiments restore -x {number}'), or choose another name "
                "(mlflow.experiment in the run file, or 'masga sync DIR --experiment NAME')."
            ),
        )
    return str(found.experiment_id)
