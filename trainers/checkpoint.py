"""Checkpoints of one member: safetensors + JSON, checksummed, replaced in one step, never pickle.

A directory holds `state.json` and the tensors it names, `tensors-<first 16 hex of
sha256>.safetensors`. The tensors are written first; renaming the new `state.json` over the old one
is the moment at which the new checkpoint takes the place of the old; then the old tensors go.
Whatever stops a writer, the directory holds the old checkpoint or the new one, whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from typing import TYPE_CHECKING

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

    def __init__(self, file: Path, what: str) -> None:
        super().__init__(f"Checkpoint file {file} is damaged: {what}")
        self.file = file
        self.what = what

    def __reduce__(self) -> tuple[type[CheckpointDamaged], tuple[Path, str]]:
        return type(self), (self.file, self.what)


def write_checkpoint(
    directory: Path, state: MemberState, extra: Mapping[str, Json] | None = None
) -> None:
    """Write a checkpoint, or replace the one that is there.

    Args:
        directory: made if it is missing. One writer at a time.
        state: the member.
        extra: what else to keep with it.

    Raises:
        OSError: the disk is full or not writable; what was in the directory is as it was.
    """
    pieces = serialise(state.tensors, {"format": FORMAT})
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    tensors = directory / f"tensors-{digest.hexdigest()[:16]}.safetensors"
    body: dict[str, Json] = {
        "format": FORMAT,
        "tensors": tensors.name,
        "tensors_sha256": digest.hexdigest(),
        "state": state_to_json(state),
        "extra": dict(extra or {}),
    }
    document = {"sha256": _digest(body), **body}
    text = json.dumps(document, indent=1, allow_nan=False).encode()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _write_both(directory, tensors, pieces, text)
    except OSError as error:
        raise OSError(
            error.errno,
            f"The checkpoint could not be written ({error.strerror}); the one before it, if "
            "any, is whole. Free some space or choose another directory",
            str(directory),
        ) from error
    for old in directory.iterdir():
        if old != tensors and old.name.startswith(("tensors-", ".tensors-", f".{STATE_FILE}.")):
            old.unlink(missing_ok=True)


def read_checkpoint(directory: Path) -> tuple[MemberState, dict[str, Json]]:
    """Read a checkpoint and what was kept with it.

    Raises:
        CheckpointDamaged: a file is missing, cut short, altered, or not of this format.
    """
    path = directory / STATE_FILE
    try:
        document = json.loads(_read(path))
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
    tensors_path = directory / document["tensors"]
    data = _read(tensors_path)
    if (digest := hashlib.sha256(data).hexdigest()) != document["tensors_sha256"]:
        raise CheckpointDamaged(
            tensors_path,
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


def _read(path: Path) -> bytearray:
    try:
        with path.open("rb", buffering=0) as file:
            data = bytearray(os.fstat(file.fileno()).st_size)
            view = memoryview(data)
            while view and (count := file.readinto(view)):
                view = view[count:]
            return data
    except FileNotFoundError as error:
        raise CheckpointDamaged(path, "it is missing.") from error


def _write_both(
    directory: Path, tensors: Path, pieces: Iterable[bytes | memoryview], text: bytes
) -> None:
    is_new = not tensors.exists()
    _write_durably(tensors, pieces)
    try:
        _write_durably(directory / STATE_FILE, [text])
    except BaseException:
        if is_new:
            tensors.unlink(missing_ok=True)
        raise


def _write_durably(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write to a temporary name, flush to disk, rename, flush the directory."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
