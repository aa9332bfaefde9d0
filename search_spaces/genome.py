"""Genomes: all searched values of one member, immutable, hashable, named by a digest."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from search_spaces.gpt.architecture import Architecture
from search_spaces.gpt.protocol import Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

Json = bool | int | float | str | None | list["Json"] | dict[str, "Json"]
_Half = TypeVar("_Half", Architecture, Protocol)


@dataclass(frozen=True, slots=True)
class Genome:
    """What a member is (`architecture`) and how it is trained (`protocol`)."""

    architecture: Architecture
    protocol: Protocol

    @property
    def digest(self) -> str:
        """The genome's name: 12 hex of the SHA-256 of its canonical JSON, on every machine."""
        return _digest(self)


@lru_cache(maxsize=65_536)
def _digest(genome: Genome) -> str:
    return digest_of_json(genome_to_json(genome))


def digest_of_json(value: object) -> str:
    """Return 12 hex of the SHA-256 of canonical JSON: sorted keys, no spaces, no NaN."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def genome_to_json(genome: Genome) -> dict[str, Json]:
    """Return `{"architecture": {...}, "protocol": {...}}` of plain lists, numbers and strings."""
    return {
        "architecture": _half_to_json(genome.architecture),
        "protocol": _half_to_json(genome.protocol),
    }


def genome_from_json(value: object) -> Genome:
    """Read what `genome_to_json` wrote, strictly.

    Raises:
        ValueError: a key is missing or unknown, or a value has the wrong type or is not finite;
            the message names it. Laws between genes are the space's to check.
    """
    halves = _object(value, "genome", frozenset({"architecture", "protocol"}))
    return Genome(
        architecture=_half_from_json(Architecture, halves["architecture"], "architecture"),
        protocol=_half_from_json(Protocol, halves["protocol"], "protocol"),
    )


def protocol_to_json(protocol: Protocol) -> Json:
    """Return the part of `genome_to_json` that says how a member is trained."""
    return _half_to_json(protocol)


def protocol_from_json(value: object) -> Protocol:
    """Read what `protocol_to_json` wrote; raises ValueError like `genome_from_json`."""
    return _half_from_json(Protocol, value, "protocol")


def _types(half_class: type[Any]) -> dict[str, Any]:
    """Return the plain type of every field, without its domain."""
    hints = get_type_hints(half_class, include_extras=True)
    return {
        field.name: get_args(hints[field.name])[0]
        if get_origin(hints[field.name]) is Annotated
        else hints[field.name]
        for field in dataclasses.fields(half_class)
    }


_TYPES = {Architecture: _types(Architecture), Protocol: _types(Protocol)}
_DEFAULTS: dict[type[Any], dict[str, Any]] = {
    half: {
        field.name: field.default
        for field in dataclasses.fields(half)
        if field.default is not dataclasses.MISSING
    }
    for half in (Architecture, Protocol)
}
"""Genes that came later have a default: where they have it they are not written, so that genomes
from before keep their digests and their logs can be read."""


def is_unwritten(half_class: type[Any], name: str, value: object) -> bool:
    """Say whether a gene with this value is left out of JSON."""
    defaults = _DEFAULTS[half_class]
    return name in defaults and defaults[name] == value


def _half_to_json(half: Architecture | Protocol) -> Json:
    half_class = type(half)
    defaults = _DEFAULTS[half_class]
    written: dict[str, Json] = {}
    for name, write in _WRITERS[half_class]:
        value = getattr(half, name)
        if name not in defaults or defaults[name] != value:
            written[name] = write(value)
    return written


def _writer(kind: Any) -> Callable[[Any], Any]:
    """Return what writes values of a type; made once, since genomes are written all the time."""
    # 0 and 0.0 are equal genes, so they must not be written differently
    if kind is float:
        return float
    if get_origin(kind) is tuple:
        write = _writer(get_args(kind)[0])
        return lambda value: [write(item) for item in value]
    return lambda value: value


def _half_from_json(half_class: type[_Half], value: object, where: str) -> _Half:
    given = _object(value, where, _NAMES[half_class], optional=_OPTIONAL[half_class])
    return half_class(
        **{
            name: read(given[name], f"{where}.{name}")
            for name, read in _READERS[half_class]
            if name in given
        }
    )


def _object(
    value: object, where: str, keys: frozenset[str], optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be an object, but got {value!r}.")  # noqa: TRY004 - bad data, not a caller's type
    if missing := sorted(keys - optional - value.keys()):
        raise ValueError(f"{where} needs the keys {missing}, but they are missing.")
    if unknown := sorted(map(str, value.keys() - keys)):
        raise ValueError(f"{where} has the keys {sorted(keys)}, but got {unknown}. Remove them.")
    return value


def _reader(kind: Any) -> Callable[[Any, str], Any]:
    """Return what reads values of a type, strictly; made once, like `_writer`."""
    if get_origin(kind) is Literal:
        return partial(_read_word, get_args(kind))
    if get_origin(kind) is tuple:
        return partial(_read_tuple, _reader(get_args(kind)[0]))
    return partial(_read_scalar, kind)


def _read_word(options: tuple[str, ...], value: Any, where: str) -> str:
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{where} must be one of {list(options)}, but got {value!r}.")
    return value


def _read_tuple(read: Callable[[Any, str], Any], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{where} must be a list, but got {value!r}.")  # noqa: TRY004 - bad data
    return tuple(read(v, f"{where}[{i}]") for i, v in enumerate(value))


def _read_scalar(kind: type[Any], value: Any, where: str) -> Any:
    is_flag = isinstance(value, bool)
    if is_flag == (kind is bool):
        if is_flag or (kind is int and isinstance(value, int)):
            return value
        if kind is float and isinstance(value, int | float) and abs(value) <= _LARGEST:
            return float(value)
    raise ValueError(f"{where} must be a finite {kind.__name__}, but got {value!r}.")


_LARGEST = sys.float_info.max
_WRITERS = {
    half: tuple((name, _writer(kind)) for name, kind in types.items())
    for half, types in _TYPES.items()
}
_READERS: dict[type[Any], tuple[tuple[str, Callable[[Any, str], Any]], ...]] = {
    half: tuple((name, _reader(kind)) for name, kind in types.items())
    for half, types in _TYPES.items()
}
_NAMES = {half: frozenset(types) for half, types in _TYPES.items()}
_OPTIONAL = {half: frozenset(defaults) for half, defaults in _DEFAULTS.items()}
