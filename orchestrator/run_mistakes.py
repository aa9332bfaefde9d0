"""What pydantic found wrong in a run file, in the words of its user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from orchestrator.errors import UserError
from orchestrator.mistakes import LawsBroken, Mistake, suggestion
from orchestrator.run_config import RunConfig

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from orchestrator.run_file import RunFile


def user_errors(error: ValidationError, run_file: RunFile) -> tuple[UserError, ...]:
    """Tell each mistake that pydantic found, in the order of the file."""
    order = {key: at for at, key in enumerate(run_file.places)}
    found = []
    for detail in error.errors(include_url=False):
        for mistake in _mistakes(detail):
            key = (*detail["loc"], *mistake.key)
            above = next((key[:n] for n in range(len(key), 0, -1) if key[:n] in order), None)
            place = -1 if above is None else order[above]
            found.append((place, located(mistake, run_file.where(key))))
    return tuple(told for _, told in sorted(found, key=lambda pair: pair[0]))


def located(mistake: Mistake, where: str) -> UserError:
    """Return the mistake as an error of its place."""
    return UserError(where=where, law=mistake.law, found=mistake.found, remedy=mistake.remedy)


_NEEDED = {
    "bool_type": "true or false",
    "dict_type": "a mapping of keys",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "model_type": "a mapping of keys",
    "string_type": "text",
    "tuple_type": "a list",
}
_SIGNS = {
    "greater_than": (">", "gt"),
    "greater_than_equal": (">=", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("<=", "le"),
}


def _mistakes(detail: ErrorDetails) -> tuple[Mistake, ...]:
    broken = detail.get("ctx", {}).get("error")
    return broken.mistakes if isinstance(broken, LawsBroken) else (_mistake(detail),)


def _mistake(detail: ErrorDetails) -> Mistake:
    kind, found, context = detail["type"], _found(detail["input"]), detail.get("ctx", {})
    names = tuple(part for part in detail["loc"] if isinstance(part, str))
    name = names[-1] if names else "the run file"
    remedy = "Check the value."
    if kind == "extra_forbidden":
        known = _keys(names[:-1])
        law, found = f"the keys here are {', '.join(known)}", f"`{name}`"
        remedy = suggestion(name, known)
    elif kind == "missing":
        law, found = f"`{name}` is needed", "no such key"
        example = "budget: {tokens: 8M}" if name == "budget" else f"{name}: ..."
        remedy = f"Write, for example, {example} here."
    elif kind == "literal_error":
        choices = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        choices = choices.replace("True", "true").replace("False", "false")
        law = f"`{name}` is one of {choices}"
        remedy = suggestion(str(detail["input"]), choices.split(", "))
    elif kind in _SIGNS:
        sign, bound = _SIGNS[kind]
        law = f"`{name} {sign} {context[bound]}` must hold"
        remedy = f"Write a value {sign} {context[bound]}."
    elif kind == "string_pattern_mismatch":
        law = f"`{name}` is at most 64 letters, digits, dots, dashes and underscores"
        remedy = "Write, for example, demo or demo-2."
    elif kind == "too_short":
        law, found = f"`{name}` is a list that is not empty", "an empty list"
        remedy = "Write at least one."
    elif kind in _NEEDED:
        law = f"`{name}` needs {_NEEDED[kind]}"
        if kind == "model_type":
            remedy = f"The keys here are {', '.join(_keys(names))}."
    else:
        law, remedy = f"`{name}` must fit: {detail['msg']}", "See docs/run_file.schema.json."
    return Mistake(law=law, found=found, remedy=remedy)


def _found(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys of the section that the names lead to."""
    section: type[BaseModel] = RunConfig
    for name in names:
        if name in section.model_fields:
            section = _section(section.model_fields[name].annotation) or section
    return tuple(section.model_fields)


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section, get_args(annotation))), None)
