"""Whether values that came from a file fit the annotations of the fields they are put into.

Python does not ask, and a file may hold anything.
Numbers are bounded: a whole number has 64 bits, a real one is finite.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

Fits = Callable[[Any], bool]
LARGEST = 1 << 63


def require_fit(value: Any) -> None:
    """Check the fields of a dataclass.

    Raises:
        ValueError: One does not fit its annotation; names it.
    """
    kind: Any = type(value)  # mypy: a type is hashable
    for name, fits in _checks(kind):
        if not fits(getattr(value, name)):
            found = repr(getattr(value, name))
            shown = found if len(found) <= 60 else f"{found[:57]}..."
            raise ValueError(f"`{name}` does not fit: it is {shown}.")


@cache
def _checks(kind: type[Any]) -> tuple[tuple[str, Fits], ...]:
    hints = get_type_hints(kind)
    checks = ((field.name, _fits(hints[field.name])) for field in dataclasses.fields(kind))
    return tuple((name, fits) for name, fits in checks if fits is not _anything)


def _fits(annotation: Any) -> Fits:
    """Return the check of an annotation; those that no field of ours has are an error."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and origin is None:
        is_record = dataclasses.is_dataclass(annotation)
        return _fits_record(annotation) if is_record else _fits_instance(annotation)
    if origin is Literal:
        options = frozenset(arguments)
        return lambda value: type(value) in _HASHABLE and value in options
    if origin in {Union, types.UnionType}:
        either = tuple(_fits(argument) for argument in arguments)
        return lambda value: any(fits(value) for fits in either)
    if origin is tuple:
        return _fits_tuple(arguments)
    if origin is dict:
        return _fits_dict(*map(_fits, arguments))
    raise TypeError(f"`{annotation}` is not an annotation that values of files are checked by.")


def _fits_instance(kind: type[Any]) -> Fits:
    return lambda value: isinstance(value, kind)


def _fits_record(kind: Any) -> Fits:
    checks = _checks(kind)
    return lambda value: (
        type(value) is kind and all(fits(getattr(value, name)) for name, fits in checks)
    )


def _fits_tuple(arguments: tuple[Any, ...]) -> Fits:
    if arguments[-1] is Ellipsis:
        item = _fits(arguments[0])
        return lambda value: type(value) is tuple and all(map(item, value))
    items = tuple(map(_fits, arguments))
    return lambda value: (
        type(value) is tuple
        and len(value) == len(items)
        and all(fits(part) for fits, part in zip(items, value, strict=True))
    )


def _fits_dict(key: Fits, held: Fits) -> Fits:
    if held is _anything and key is _PLAIN[str]:
        return lambda value: type(value) is dict  # of JSON, whose keys are text
    return lambda value: (
        type(value) is dict and all(key(name) and held(part) for name, part in value.items())
    )


def _anything(value: Any) -> bool:
    del value
    return True


_PLAIN: dict[Any, Fits] = {
    int: lambda value: type(value) is int and -LARGEST < value < LARGEST,
    float: lambda value: (
        (type(value) is float and math.isfinite(value))
        or (type(value) is int and -LARGEST < value < LARGEST)
    ),
    bool: lambda value: type(value) is bool,
    str: lambda value: type(value) is str,
    type(None): lambda value: value is None,
    Any: _anything,
    object: _anything,
}
_HASHABLE = frozenset({str, int, bool, float, type(None)})
