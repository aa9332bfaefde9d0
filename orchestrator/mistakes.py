"""Several mistakes of one user, told together."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A broken law of a value that is not yet known to come from a file."""

    key: tuple[str | int, ...] = ()
    """Where it is, from the value that was checked."""
    law: str
    found: str
    remedy: str


class LawsBroken(ValueError):  # noqa: N818 - read as "raise LawsBroken"; it is not the user's text
    """Carries mistakes through a validator to whoever knows the file and its lines."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(f"{m.law}, but got {m.found}. {m.remedy}" for m in mistakes))


class UserErrors(UserError):  # noqa: N818 - UserError, several
    """Several user errors; printed one a line."""

    def __init__(self, errors: tuple[UserError, ...]) -> None:
        self.errors = errors
        first = errors[0]
        super().__init__(where=first.where, law=first.law, found=first.found, remedy=first.remedy)

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the parts across processes."""
        return UserErrors, (self.errors,)


def gathered(errors: tuple[UserError, ...]) -> UserError:
    """Return one error for one or more."""
    return errors[0] if len(errors) == 1 else UserErrors(errors)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a remedy for an unknown name: the nearest known one, or all of them.

    >>> suggestion("muttation", ["mutation", "optuna"])
    'Did you mean `mutation`?'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    if near:
        return f"Did you mean `{near[0]}`?"
    return f"Choose one of {', '.join(names)}." if names else "There is nothing to choose from."
