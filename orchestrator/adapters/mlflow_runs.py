"""Runs of an MLflow experiment as records: parameters and last metrics, for `masga laws`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.adapters.mlflow.client import open_client, told_to_users
from orchestrator.errors import UserError
from orchestrator.record.values import PARENT, SEGMENT_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PAGE = 1000


def read_experiment(name: str, *, client: Any = None) -> Sequence[Mapping[str, object]]:
    """Read one record a run: its parameters, its last metrics, and `run` (the run's name).

    Of a search that masga recorded, the segments are read and the run above them is not: it
    trained nothing itself. The tracking store is MLflow's own choice (`MLFLOW_TRACKING_URI`, or
    its default).

    Args:
        name: Name of the experiment.
        client: An MLflow client; made where not given.

    Raises:
        UserError: No such experiment, one without runs, or a store that does not answer.
    """
    if client is not None:
        return _read(name, client)
    import mlflow  # noqa: PLC0415 - heavy, loaded on use

    uri = mlflow.get_tracking_uri()
    with told_to_users(uri):
        return _read(name, open_client(uri))


def _read(name: str, client: Any) -> Sequence[Mapping[str, object]]:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        raise UserError(
            where=f"mlflow:{name}",
            law="the experiment must exist in the tracking store",
            found="none of that name",
            remedy="Set MLFLOW_TRACKING_URI to the store of the search, for example sqlite:///mlflow.db.",
        )
    records: list[Mapping[str, object]] = []
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment.experiment_id],
            max_results=_PAGE,
            page_token=token,
        )
        records += [
            {"run": run.info.run_name, **run.data.params, **run.data.metrics}
            for run in page
            if run.data.tags.get(SEGMENT_TAG) != PARENT
        ]
        token = page.token
        if not token:
            break
    if not records:
        raise UserError(
            where=f"mlflow:{name}", law="an experiment must have runs", found="none",
            remedy="Run a search first.",
        )  # fmt: skip
    return records
