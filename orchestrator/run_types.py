"""How single values of run files are read: sizes (`8M`, `2GB`), shares, workers, sources."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from orchestrator.mistakes import LawsBroken, Mistake
from orchestrator.quantities import parse_bytes, parse_count

_SIZE_SCHEMA = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}],
    "examples": [4096, "8M", "1e6"],
}


def broken(law: str, found: object, remedy: str) -> LawsBroken:
    """Return a mistake of one value, for the key that it stands at."""
    return LawsBroken(Mistake(law=law, found=repr(found), remedy=remedy))


def _real(written: object) -> object:
    """Read `1e15` and `8M`; leave anything that is not text to the type."""
    if not isinstance(written, str):
        return written
    try:
        return parse_count(written)
    except ValueError:
        raise broken("a number is needed", written, "Write, for example, 1e15 or 8M.") from None


def _count(written: object) -> object:
    value = _real(written)
    if isinstance(value, float):
        if not value.is_integer():
            raise broken("a whole number is needed", written, "Write, for example, 4096 or 8M.")
        return int(value)
    return value


def _bytes(written: object) -> object:
    try:
        return parse_bytes(written)
    except ValueError:
        remedy = "Write, for example, 256MB, 2GB or 1GiB."
        raise broken("an amount of memory is needed", written, remedy) from None


def read_workers(written: object) -> object:
    """Take a number of workers, or `auto`."""
    if written == "auto" or (type(written) is int and written >= 1):
        return written
    remedy = "Write `auto` for one worker a free core or accelerator, or a number such as 2."
    raise broken("`auto` or a whole number of at least 1 is needed", written, remedy)


def read_source(written: object) -> object:
    """Read a plain word as the name of a corpus."""
    if isinstance(written, str):
        if re.search(r"[/\\*]|\.\w+$", written):
            remedy = f"For files write {{path: {written}}}."
            raise broken("a plain word is the name of a corpus", written, remedy)
        return {"name": written}
    return written


Count = Annotated[int, BeforeValidator(_count), WithJsonSchema(_SIZE_SCHEMA)]
"""A whole number; `8M` and `1e6` are read too."""
Amount = Annotated[float, BeforeValidator(_real), WithJsonSchema(_SIZE_SCHEMA)]
Bytes = Annotated[int, BeforeValidator(_bytes), WithJsonSchema(_SIZE_SCHEMA)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
