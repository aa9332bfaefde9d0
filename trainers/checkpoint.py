"""Checkpoints of one member: safetensors + JSON, checksummed, replaced in one step, never pickle.

A directory holds `state.json` and the tensors it names, `tensors-<first 16 hex of
sha256>.safetensors`. The tensors are written first; renaming the new `state.json` over the old one
is the moment at which the new checkpoint takes the place of the old; then the old tensors go.
Whatever stops a writer, the directory holds the old checkpoint or the new one, whole. It may be
any `Folder`: in an object store a file is whole once it is there, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from trainers.folder import folder_of
from trainers.serialisation import (
    deserialise,
    serialise,
    state_from_json,
    state_to_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from search_spaces.genome import Json
    from trainers.folder import Folder
    from trainers.state import MemberState

FORMAT = "masga-member-1"
STATE_FILE = "state.json"
_TENSORS = re.compile(r"tensors-[0-9a-f]{16}\.safetensors")
"""Names of tensors' files: none that leads out of the directory."""


class CheckpointDamaged(Exception):  # noqa: N818 (a state of the file, named as users meet it)
    """A checkpoint cannot be trusted.

    Attributes:
        file: the file concerned.
        what: what is wrong with it.
    """

    def __init__(self, file: Path | str, what: str) -> None:
        super().__init__(f"Checkpoint file {file} is damaged: {what}")
        self.file = file
        self.what = what

    def __reduce__(self) -> tuple[type[CheckpointDamaged], tuple[Path | str, str]]:
        return type(self), (self.file, self.what)


def write_checkpoint(
    directory: Path | Folder, state: MemberState, extra: Mapping[str, Json] | None = None
) -> None:
    """Write a checkpoint, or replace the one that is there.

    Args:
        directory: made if it is missing. Several may write the same state at once (a worker was
            taken for dead and is not): one of them is found, whole.
        state: the member.
        extra: what else to keep with it.

    Raises:
        OSError: the disk is full or not writable; what was in the directory is as it was.
    """
    folder = folder_of(directory)
    pieces = serialise(state.tensors, {"format": FORMAT})
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    tensors = f"tensors-{digest.hexdigest()[:16]}.safetensors"
    body: dict[str, Json] = {
        "format": FORMAT,
        "tensors": tensors,
        "tensors_sha256": digest.hexdigest(),
        "state": state_to_json(state),
        "extra": dict(extra or {}),
    }
    document = {"sha256": _digest(body), **body}
    text = json.dumps(document, indent=1, allow_nan=False).encode()
    try:
        try:
            _write_both(folder, tensors, pieces, text)
        except FileNotFoundError:  # another writer took our temporary file for a dead one's
            _write_both(folder, tensors, pieces, text)
    except OSError as error:
        raise OSError(
            error.errno,
            f"The checkpoint could not be written ({error.strerror}); the one before it, if "
            "any, is whole. Free some space or choose another directory",
            str(directory),
        ) from error


def read_checkpoint(directory: Path | Folder) -> tuple[MemberState, dict[str, Json]]:
    """Read a checkpoint and what was kept with it.

    Raises:
        CheckpointDamaged: a file is missing, cut short, altered, or not of this format.
    """
    folder = folder_of(directory)
    path = folder.place(STATE_FILE)
    try:
        document = json.loads(_read(folder, STATE_FILE))
    except (ValueError, RecursionError) as error:
        raise CheckpointDamaged(path, f"it is not JSON ({error}).") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CheckpointDamaged(path, f"its format is not {FORMAT}.")
    found = document.pop("sha256", None)
    try:
        expected = _digest(document)
    except ValueError as error:  # NaN, which is never written
        raise CheckpointDamaged(path, f"it is not JSON ({error}).") from error
    if expected != found:
        raise CheckpointDamaged(
            path, f"its sha256 is {expected}, but {found} was recorded when it was written."
        )
    if document.keys() != {"format", "tensors", "tensors_sha256", "state", "extra"}:
        raise CheckpointDamaged(path, f"its keys are {sorted(document)}.")
    if not isinstance(document["tensors"], str) or not _TENSORS.fullmatch(document["tensors"]):
        raise CheckpointDamaged(path, f"it names the tensors {document['tensors']!r:.60}.")
    if not isinstance(document["extra"], dict):
        raise CheckpointDamaged(path, "what is kept with it is no JSON object.")
    data = _read(folder, document["tensors"])
    if (digest := hashlib.sha256(data).hexdigest()) != document["tensors_sha256"]:
        raise CheckpointDamaged(
            folder.place(document["tensors"]),
            f"its {len(data)} bytes have sha256 {digest}, but {document['tensors_sha256']} was "
            "recorded when it was written.",
        )
    try:
        tensors, _ = deserialise(data)
        return state_from_json(document["state"], tensors), document["extra"]
    except ValueError as error:
        raise CheckpointDamaged(path, str(error)) from error


def _digest(body: dict[str, Json]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _read(folder: Folder, name: str) -> bytearray:
    try:
        return folder.read(name)
    except FileNotFoundError as error:
        raise CheckpointDamaged(folder.place(name), "it is missing.") from error


def _write_both(
    folder: Folder, tensors: str, pieces: Iterable[bytes | bytearray | memoryview], text: bytes
) -> None:
    """Write the tensors, then what names them, then delete what is named no more."""
    before = {entry.name for entry in folder.entries()}
    folder.write(tensors, pieces)
    try:
        folder.write(STATE_FILE, [text])
    except BaseException:
        if tensors not in before:
            folder.delete(tensors)
        raise
    left = ("tensors-", ".tensors-", f".{STATE_FILE}.")
    folder.delete(*(name for name in before if name != tensors and name.startswith(left)))
