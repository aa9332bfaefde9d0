"""Brings a tracking store from whatever it holds of a search to what the search's record says."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.adapters.mlflow.client import open_client
from orchestrator.adapters.mlflow.sqlite_store import SqliteStore, fits
from orchestrator.adapters.mlflow.stores import ClientStore, experiment_id, known_runs
from orchestrator.adapters.mlflow.turns import Turns
from orchestrator.record.values import (
    LONGEST_TAG,
    PARENT,
    SEARCH_TAG,
    SEGMENT_TAG,
    applied,
    difference,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from orchestrator.adapters.mlflow.stores import Store
    from orchestrator.record.values import Change, Known, RunRecord, SearchRecord

_RUNS_AT_ONCE = 50
_PARENT_TAG = "mlflow.parentRunId"
_SOURCE = {"mlflow.source.name": "masga", "mlflow.source.type": "LOCAL"}
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What was written."""

    new_runs: int
    new_points: int


class Recorder:
    """Keeps one search's record in one experiment of one store.

    It remembers what the store holds; after a failure, or when another process wrote in between,
    it asks the store again. So whatever was carried out of a call that failed is not done twice.

    Args:
        uri: The tracking store.
        experiment: Its name; made if there is none.
        directory: Of the search, where writers take turns.
        patience_seconds: Longest wait for another writer.
    """

    def __init__(
        self, uri: str, experiment: str, directory: Path, *, patience_seconds: float = 60.0
    ) -> None:
        self.uri = uri
        self._experiment = experiment
        self._turns = Turns(directory, patience_seconds=patience_seconds)
        self._client: Any = None
        self._store: Store | None = None
        self._experiment_id = ""
        self._known: dict[str, Known] = {}
        self._remembers = False

    @property
    def client(self) -> Any:
        """The client, opened on first use."""
        if self._client is None:
            self._client = open_client(self.uri)
        return self._client

    @property
    def experiment_id(self) -> str:
        """The experiment's, made on first use."""
        if not self._experiment_id:
            self._experiment_id = experiment_id(self.client, self._experiment, uri=self.uri)
        return self._experiment_id

    @property
    def newest_generation(self) -> int:
        """The newest generation that is recorded with all its members; -1: none."""
        parent = self._known.get(PARENT)
        return -1 if parent is None else parent.generation

    @property
    def parent_run_id(self) -> str:
        """The parent's; it is there once `bring` has returned."""
        return self._known[PARENT].run_id

    def tag(self, name: str) -> str | None:
        """Return a tag of the parent, as last read or written."""
        parent = self._known.get(PARENT)
        return None if parent is None else parent.tags.get(name)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other writers of the same search away; make the record and `bring` it inside.

        So nobody brings what he read before another one had written more.

        Raises:
            UserError: Another writer did not end its turn.
        """
        with self._turns.taken() as was_ours:
            self._remembers = self._remembers and was_ours
            yield

    def bring(self, record: SearchRecord) -> Brought:
        """Write what the store lacks: runs, then members' points, then the population's.

        Raises:
            Exception: Whatever the store raises; what was written stays, and a later call goes on.
        """
        remembers, self._remembers = self._remembers, False
        if self._store is None:
            experiment = self.experiment_id
            self._store = (SqliteStore if fits(self.client) else ClientStore)(
                self.client, experiment
            )
        if not remembers:
            self._known = known_runs(self.client, self.experiment_id, record.search)
        made = self._create_missing(record)
        points = self._write(record, record.segments) + self._write(record, (record.parent,))
        self._remembers = True
        return Brought(new_runs=made, new_points=points)

    def _create_missing(self, record: SearchRecord) -> int:
        """Make the runs that are not there, the parent first, with the tags that find them."""
        identity = {SEARCH_TAG: record.search, **_SOURCE}
        made = 0
        if PARENT not in self._known:
            self._create([record.parent], identity)
            made = 1
        identity[_PARENT_TAG] = self._known[PARENT].run_id
        missing = [run for run in record.segments if run.key not in self._known]
        for chunk in _chunks(missing):
            self._create(chunk, identity)
        return made + len(missing)

    def _create(self, runs: Sequence[RunRecord], identity: dict[str, str]) -> None:
        assert self._store is not None
        made = self._store.create([(run, {**identity, SEGMENT_TAG: run.key}) for run in runs])
        self._known |= {run.key: known for run, known in zip(runs, made, strict=True)}

    def _write(self, record: SearchRecord, runs: Iterable[RunRecord]) -> int:
        assert self._store is not None
        changes: list[tuple[str, Change]] = []
        for run in runs:
            links = {SEARCH_TAG: record.search, **self._links(run)}
            change = difference(run, self._known[run.key], links=links)
            if change is not None:
                changes.append((run.key, change))
        for chunk in _chunks(changes):
            self._store.write([change for _, change in chunk])
            for key, change in chunk:
                self._known[key] = applied(change, self._known[key])
        return sum(len(change.points) for _, change in changes)

    def _links(self, run: RunRecord) -> dict[str, str]:
        """Return the tags that name other runs."""
        if run.key == PARENT:
            return {}
        links = {_PARENT_TAG: self._known[PARENT].run_id}
        if run.donor is not None:
            links["donor_run_id"] = self._known[run.donor].run_id
        links |= _long_tag("children", run.children)
        links |= _long_tag("child_run_ids", [self._known[key].run_id for key in run.children])
        return links

    def set_tag(self, name: str, value: str) -> None:
        """Set a tag of the parent."""
        self.client.set_tag(self.parent_run_id, name, value)


def _long_tag(name: str, words: Sequence[str]) -> dict[str, str]:
    """Return the words as one tag, or as `name`, `name.2`, ... where they do not fit.

    >>> _long_tag("children", ["m001-s01", "m002-s01"])
    {'children': 'm001-s01 m002-s01'}
    """
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= LONGEST_TAG:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return {name if at == 1 else f"{name}.{at}": line for at, line in enumerate(lines, start=1)}


def _chunks(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for at in range(0, len(items), _RUNS_AT_ONCE):
        yield items[at : at + _RUNS_AT_ONCE]
