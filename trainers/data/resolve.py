"""Which named corpus is used when the one that was asked for may not be installed."""

from __future__ import annotations

from trainers.data.errors import CorpusError
from trainers.data.named import NAMED, NamedCorpus


def find_named(name: str) -> NamedCorpus:
    """Return a named corpus.

    Raises:
        CorpusError: there is none of that name; the text lists those that exist.
    """
    if name not in NAMED:
        raise CorpusError(
            where=f"corpus {name!r}",
            law=f"a named corpus is one of {', '.join(sorted(NAMED))}",
            found="there is none of this name",
            remedy="Take one of these, or give a path.",
        )
    return NAMED[name]


def resolve_named(name: str, *, fallback: str | None = None) -> tuple[str, str]:
    """Return the name to use and the reason, which is empty when it is the one asked for.

    The caller shows a reason that is not empty: a fallback is never silent.

    Raises:
        CorpusError: `name` is unknown; or it is not installed and there is no fallback.
    """
    corpus = find_named(name)
    try:
        corpus.locate()
    except CorpusError as error:
        if fallback is None or fallback == name:
            raise
        find_named(fallback).locate()
        reason = f"{name} cannot be used: {error.law}, but {error.found}. {error.remedy}"
        return fallback, reason
    return name, ""
