"""Policies, proposers and estimators by name: the fields of the class are its parameters.

A built-in has a name in its folder's registry; a user's own class is `package.module:Class`.
A field that the run file cannot know (the search space, say) is given by the one who builds it.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from orchestrator.errors import UserError
from orchestrator.mistakes import LawsBroken, Mistake, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.events import JSON


def plugin_class(name: str, registry: Mapping[str, type], *, kind: str) -> type:
    """Return the class of a built-in name or import path.

    Raises:
        LawsBroken: There is none.
    """
    if name in registry:
        return registry[name]
    law = f"`{kind}` is a built-in name or `package.module:Class`"
    path, colon, class_name = name.partition(":")
    if not colon:
        remedy = f"{suggestion(name, registry)} There are: {', '.join(sorted(registry))}."
        raise LawsBroken(Mistake(key=(kind,), law=law, found=f"`{name}`", remedy=remedy))
    remedy = "Check the spelling; the module must be installed or on PYTHONPATH."
    try:
        found = getattr(importlib.import_module(path), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        told = f"`{name}` ({error})"
        raise LawsBroken(Mistake(key=(kind,), law=law, found=told, remedy=remedy)) from None
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        law = f"a {kind} is a dataclass, whose fields are its parameters"
        remedy = f"Decorate {class_name} with @dataclass(frozen=True)."
        raise LawsBroken(Mistake(key=(kind,), law=law, found=f"`{name}`", remedy=remedy))
    return found


def check_plugin(
    name: str,
    parameters: Mapping[str, JSON],
    registry: Mapping[str, type],
    *,
    kind: str,
    given: frozenset[str] = frozenset(),
) -> None:
    """Check a plug-in's name and parameters as far as that is possible without building it.

    Args:
        name: Built-in name or import path.
        parameters: As written in the run file.
        registry: Built-in classes by name.
        kind: The key that names the plug-in in the run file, such as `policy`.
        given: Fields that the builder gives and the run file may not.

    Raises:
        LawsBroken: All mistakes; keys start at the section of the plug-in.
    """
    found = plugin_class(name, registry, kind=kind)
    values = _checked(found, parameters, given, name=name)
    if not _needed(found) - values.keys():
        _construct(found, values, name=name)


def build_plugin(
    name: str,
    parameters: Mapping[str, JSON],
    registry: Mapping[str, type],
    *,
    kind: str,
    given: Mapping[str, Any] | None = None,
) -> Any:
    """Build the plug-in; `given` are the fields that the run file cannot know.

    Raises:
        UserError: Its name or parameters are wrong; `where` is the name.
    """
    given = given or {}
    try:
        found = plugin_class(name, registry, kind=kind)
        values = _checked(found, parameters, frozenset(given), name=name)
        return _construct(found, {**values, **given}, name=name)
    except LawsBroken as error:
        first = error.mistakes[0]
        raise UserError(
            where=f"{kind} {name}", law=first.law, found=first.found, remedy=first.remedy
        ) from None


def parameter_types(found: type) -> dict[str, Any]:
    """Return the types of the fields that a run file can give, by name.

    A field whose type is known to type checkers only is not one of them.
    """
    module = vars(sys.modules[found.__module__])
    types = {}
    for field in dataclasses.fields(found):
        if not field.init or field.name.startswith("_"):
            continue
        try:
            # the annotation of a class that the user chose to import, in its own module
            types[field.name] = (
                eval(field.type, dict(module)) if isinstance(field.type, str) else field.type  # noqa: S307
            )
        except (NameError, AttributeError, TypeError):
            continue
    return types


def _needed(found: type) -> set[str]:
    return {
        field.name
        for field in dataclasses.fields(found)
        if field.init
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    }


def _checked(
    found: type, parameters: Mapping[str, JSON], given: frozenset[str], *, name: str
) -> dict[str, Any]:
    types = {key: t for key, t in parameter_types(found).items() if key not in given}
    values: dict[str, Any] = {}
    mistakes = []
    for key, written in parameters.items():
        if key not in types:
            known = ", ".join(types) or "none"
            law = f"the parameters of `{name}` are: {known}"
            remedy = suggestion(key, types) if types else "Delete it."
            mistakes.append(Mistake(key=(key,), law=law, found=f"`{key}`", remedy=remedy))
            continue
        try:
            # as JSON: a list becomes a tuple, but text does not become a number
            values[key] = TypeAdapter(types[key]).validate_json(json.dumps(written), strict=True)
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            law = f"`{key}` of `{name}` must fit its type: {detail['msg']}"
            remedy = "Check the value."
            mistakes.append(Mistake(key=(key,), law=law, found=repr(written), remedy=remedy))
    if mistakes:
        raise LawsBroken(*mistakes)
    return values


def _construct(found: type, values: Mapping[str, Any], *, name: str) -> Any:
    try:
        return found(**values)
    except (TypeError, ValueError) as error:
        law, _, rest = str(error).partition(", but got ")
        fact, _, remedy = rest.partition(". ")
        raise LawsBroken(
            Mistake(
                law=f"`{name}`: {law}",
                found=fact.removesuffix(".") or "these parameters",
                remedy=remedy or "Check its parameters.",
            )
        ) from None
