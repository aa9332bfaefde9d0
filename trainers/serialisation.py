"""A member's state as one safetensors buffer: tensors as they lie in memory, the rest as JSON.

The format is written and read here, and not by the `safetensors` package, because a state travels
with every exploit: its tensors are handed over without a copy in both directions. The package reads
what is written here, and the tests make it.

    8 bytes: length n of the header, little endian
    n bytes: JSON {"__metadata__": {"state": "..."}, "<name>": {"dtype", "shape", "data_offsets"}}
    tensors, row-major, widest type first so that each is aligned
"""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from search_spaces.fitting import require_fit
from search_spaces.genome import Genome, genome_from_json, genome_to_json
from trainers.state import MemberState, Position

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.genome import Json

Buffer = bytes | bytearray | memoryview

_DTYPES = {
    "F64": torch.float64,
    "I64": torch.int64,
    "F32": torch.float32,
    "I32": torch.int32,
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_MEASURED = tuple(
    field.name
    for field in fields(MemberState)
    if field.name not in {"architecture", "protocol", "position", "tensors"}
)
_LATER = frozenset({"least_worth"})
"""Fields that states from before do not have: their defaults."""
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def state_to_bytes(state: MemberState) -> bytes:
    """Return a state as one buffer, for an object store: one copy of its tensors."""
    return b"".join(serialise(state.tensors, {"state": json.dumps(state_to_json(state))}))


def state_from_bytes(buffer: Buffer) -> MemberState:
    """Read a state whose tensors are views of `buffer`, which may be read-only.

    Raises:
        ValueError: the buffer is not such a state.
    """
    tensors, metadata = deserialise(buffer)
    if "state" not in metadata:
        raise ValueError("A state must have the metadata `state`, but the buffer has none.")
    return state_from_json(json.loads(metadata["state"]), tensors)


def serialise(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> list[bytes | memoryview]:
    """Return the pieces of a safetensors file; those of tensors on the CPU are views of them.

    Raises:
        ValueError: a tensor has a type that the format is not used with here.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    pieces: list[bytes | memoryview] = []
    offset = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        if tensor.dtype not in _NAMES:
            raise ValueError(f"Tensors must be of {sorted(_DTYPES)}, but {name} is {tensor.dtype}.")
        flat = tensor.detach().to("cpu").contiguous().reshape(-1)
        pieces.append(flat.view(torch.uint8).numpy().data)
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + flat.nbytes],
        }
        offset += flat.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little"), text, *pieces]


def deserialise(buffer: Buffer) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors, as views of `buffer`, and metadata.

    Raises:
        ValueError: the buffer is cut short or its header does not describe it.
    """
    size = len(memoryview(buffer).cast("B"))
    start = 8 + int.from_bytes(bytes(buffer[:8]), "little")
    if size < 8 or start > size:
        raise ValueError(
            f"The header must lie within the buffer, but it ends at {start} of {size} bytes."
        )
    try:
        header = json.loads(bytes(buffer[8:start]))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The header must be JSON, but: {error}.") from error
    if not isinstance(header, dict):
        raise ValueError("The header must be a JSON object.")  # noqa: TRY004 (bad data, not type)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("The metadata must be a JSON object of strings.")
    with warnings.catch_warnings():
        # A buffer from shared memory is read-only; torch warns of writing, which nobody does.
        warnings.filterwarnings("ignore", message="The given buffer is not writable")
        data = torch.frombuffer(buffer, dtype=torch.uint8)[start:]
    tensors: dict[str, Tensor] = {}
    size_of_tensors = 0
    try:
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            first, last = entry["data_offsets"]
            tensors[name] = data[first:last].view(_DTYPES[entry["dtype"]]).view(entry["shape"])
            size_of_tensors += tensors[name].nbytes
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"The header must describe the tensors, but: {error}.") from error
    if size_of_tensors != len(data):
        raise ValueError(
            f"Tensors must fill the {len(data)} bytes after the header, but have {size_of_tensors}."
        )
    return tensors, metadata


def state_to_json(state: MemberState) -> dict[str, Json]:
    """Return all of a state but its tensors."""
    genome = Genome(architecture=state.architecture, protocol=state.protocol)
    rest: dict[str, Json] = {name: _plain(getattr(state, name)) for name in _MEASURED}
    return {**genome_to_json(genome), "position": asdict(state.position), **rest}


def state_from_json(document: dict[str, Any], tensors: dict[str, Tensor]) -> MemberState:
    """Return the state that `state_to_json` has written, with its tensors.

    Raises:
        ValueError: a field is missing or unknown, or a value has the wrong type.
    """
    expected = {"architecture", "protocol", "position", *_MEASURED}
    if not isinstance(document, dict):
        raise ValueError("A state must be a JSON object.")  # noqa: TRY004 (bad data, not type)
    if document.keys() | _LATER != expected:
        odd = sorted((document.keys() | _LATER) ^ expected)
        raise ValueError(
            f"A state must have exactly the fields of MemberState, but differs in {odd}."
        )
    genome = genome_from_json({half: document[half] for half in ("architecture", "protocol")})
    try:
        position = Position(**_frozen(document["position"]))
    except TypeError as error:
        raise ValueError(f"A position must have the fields of Position: {error}.") from error
    state = MemberState(
        architecture=genome.architecture,
        protocol=genome.protocol,
        position=position,
        tensors=tensors,
        **{name: _frozen(document[name]) for name in _MEASURED if name in document},
    )
    require_fit(state)
    return state


def _plain(value: Any) -> Json:
    """Turn tuples into lists, as JSON gives them back."""
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:
    """Turn JSON lists into tuples, as values hold them."""
    match value:
        case list():
            return tuple(_frozen(v) for v in value)
        case dict():
            return {key: _frozen(v) for key, v in value.items()}
        case _:
            return value
