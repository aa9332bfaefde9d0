"""How a record of plain values is made from JSON: each field checked by its annotation, and fast.

A log has a million records. Built by pydantic's core, one takes a quarter of the time that Python
takes to build and check it. The laws are those of `search_spaces.fitting`, which files that are
read without pydantic are held to: no conversions but a list's to a tuple and a whole number's to
a real one, whole numbers of 64 bits, real ones finite, no field unknown.
"""

from __future__ import annotations

import dataclasses
import types
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic_core import SchemaValidator, ValidationError, core_schema

from search_spaces.fitting import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import CoreSchema

Made = TypeVar("Made")


def maker(kind: type[Made]) -> Callable[[dict[str, Any]], Made]:
    """Return what makes a dataclass of a dict of its fields; it raises ValueError, which says why.

    The values that are dicts are put into it as they are, not copied.

    Raises:
        TypeError: A field has an annotation that no record of ours has.
    """
    validate = SchemaValidator(_record(kind)).validate_python

    def make(values: dict[str, Any]) -> Made:
        try:
            made: Made = validate(values)
        except ValidationError as error:
            raise ValueError(_told(error)) from None
        return made

    return make


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"`{place}` is missing"
    if first["type"] == "unexpected_keyword_argument":
        return f"`{place}` is not one of them"
    found = repr(first["input"])
    return f"`{place}` does not fit: it is {found if len(found) <= 60 else f'{found[:57]}...'}"


def _record(kind: type[Any]) -> CoreSchema:
    hints, fields = get_type_hints(kind), []
    for field in dataclasses.fields(kind):
        schema = _schema(hints[field.name])
        if field.default is not dataclasses.MISSING:
            schema = core_schema.with_default_schema(schema, default=field.default)
        fields.append(core_schema.dataclass_field(field.name, schema, kw_only=True))
    return core_schema.dataclass_schema(
        kind,
        core_schema.dataclass_args_schema(kind.__name__, fields, extra_behavior="forbid"),
        [field.name for field in dataclasses.fields(kind)],
        slots="__slots__" in vars(kind),
        frozen=True,
    )


def _schema(annotation: Any) -> CoreSchema:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        return _record(annotation)
    if origin is Literal:
        return core_schema.literal_schema(list(arguments))
    if origin in {Union, types.UnionType}:
        schemas = [_schema(one) for one in arguments if one is not type(None)]
        inner = schemas[0] if len(schemas) == 1 else core_schema.union_schema(list(schemas))
        return core_schema.nullable_schema(inner) if type(None) in arguments else inner
    if origin is tuple:
        items = [_schema(one) for one in arguments if one is not Ellipsis]
        many = 0 if arguments[-1] is Ellipsis else None
        return core_schema.tuple_schema(items, variadic_item_index=many)
    if annotation == dict[str, Any]:
        return core_schema.is_instance_schema(dict)
    raise TypeError(f"`{annotation}` is not an annotation that records are made by.")


_PLAIN: dict[Any, CoreSchema] = {
    int: core_schema.int_schema(strict=True, gt=-LARGEST, lt=LARGEST),
    float: core_schema.float_schema(strict=True, allow_inf_nan=False),
    bool: core_schema.bool_schema(strict=True),
    str: core_schema.str_schema(strict=True),
    Any: core_schema.any_schema(),
}
