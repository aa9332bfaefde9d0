"""What a parent run gets beside its curves: files, the corpus as inputs, the winner as a model."""

from __future__ import annotations

import json
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import Clause, UserError
from orchestrator.event_log import LOG_NAME
from orchestrator.record.artifacts import artifact_files, summary_text
from orchestrator.record.values import SEARCH_TAG
from orchestrator.tasks import StateKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.adapters.mlflow.recorder import Recorder
    from orchestrator.events import SearchFinished
    from orchestrator.record.values import DatasetRecord, SearchRecord
    from orchestrator.story.telling import Story

EVENTS_TAG = "recorded_events"
"""How many lines of the log the parent's files tell of."""
_NOTE_TAG = "mlflow.note.content"
_NOTE_LENGTH = 4500
WINNER = "winner"
"""Artifact folder of the winner's weights."""
_OPTIONAL = ("report.html",)


def write_ending(
    recorder: Recorder,
    record: SearchRecord,
    story: Story,
    directory: Path,
    *,
    lines: int,
    model: str | None,
) -> None:
    """Write the files of a search as its log stands, its inputs, and the winner as a model.

    What the store already has of this state of the log is not written again.

    Args:
        recorder: Of the search's record, which has just been brought up to date.
        record: The same.
        story: What it was made from.
        directory: Of the search.
        lines: So many events of the log the story tells.
        model: Name to register the winner under; none: it is not registered.

    Raises:
        UserError: The winner is to be registered and its checkpoint is gone.
    """
    run_id = recorder.parent_run_id
    if recorder.tag(EVENTS_TAG) != str(lines):
        with tempfile.TemporaryDirectory(prefix="masga-record-") as temporary:
            place = Path(temporary)
            for name, content in artifact_files(story).items():
                (place / name).parent.mkdir(exist_ok=True)
                (place / name).write_bytes(content)
            _copy_lines(directory / LOG_NAME, place / LOG_NAME, lines)
            for name in _OPTIONAL:
                if (directory / name).is_file():
                    (place / name).write_bytes((directory / name).read_bytes())
            recorder.client.log_artifacts(run_id, str(place))
        _log_inputs(recorder.client, run_id, record.datasets)
        recorder.set_tag(_NOTE_TAG, f"```\n{summary_text(story).strip()[:_NOTE_LENGTH]}\n```")
        recorder.set_tag(EVENTS_TAG, str(lines))
    if model is not None and story.finished is not None and story.finished.winner is not None:
        _register(recorder, model, story.finished, directory=directory, search=record.search)


def _copy_lines(source: Path, target: Path, lines: int) -> None:
    """Copy the first lines: the search may be writing the next one."""
    with source.open("rb") as reading, target.open("wb") as writing:
        writing.writelines(islice(reading, lines))


def _log_inputs(client: Any, run_id: str, datasets: Sequence[DatasetRecord]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415 - seconds

    inputs = [
        DatasetInput(
            Dataset(
                name=dataset.name,
                digest=dataset.digest,
                source_type="masga_corpus",
                source=json.dumps(dataset.source),
                profile=json.dumps(dataset.profile),
            ),
            [InputTag("mlflow.data.context", dataset.context)],
        )
        for dataset in datasets
    ]
    if inputs:
        client.log_inputs(run_id, inputs)


def _register(
    recorder: Recorder, name: str, finished: SearchFinished, *, directory: Path, search: str
) -> None:
    """Make the winner's checkpoint a version of a registered model, once."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - seconds

    client, run_id = recorder.client, recorder.parent_run_id
    quoted = name.replace("'", "''")
    for version in client.search_model_versions(f"name='{quoted}' and run_id='{run_id}'"):
        if version.tags.get("genome") == finished.digest:
            return
    assert finished.winner is not None
    assert finished.generation is not None
    key = StateKey(finished.winner, finished.generation)
    checkpoint = directory / "checkpoints" / str(key)
    if not (checkpoint / "state.json").is_file():
        raise UserError(
            where=str(checkpoint),
            law="the winner that is registered as a model has its checkpoint",
            found=Clause("it is gone"),
            remedy="Sync where the search ran, or delete mlflow.register_model from its run file.",
        )
    client.log_artifacts(run_id, str(checkpoint), WINNER)
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    artifacts = str(client.get_run(run_id).info.artifact_uri).rstrip("/")
    client.create_model_version(
        name,
        f"{artifacts}/{WINNER}",
        run_id,
        tags={"genome": str(finished.digest), SEARCH_TAG: search},
        description=f"The winner: member {key.member} after generation {key.generation}.",
        await_creation_for=0,
    )
