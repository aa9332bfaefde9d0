"""The one way to tell users what is theirs to mend: where, the law, what was found, the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.credentials import without_credentials

if TYPE_CHECKING:
    from search_spaces.errors import SpaceError
    from trainers.data import CorpusError


class Clause(str):
    """What was found, as a sentence of its own ("it is empty"): told after "but", not "but got"."""

    __slots__ = ()


class UserError(ValueError):
    """A mistake that the user can mend; the command line prints it and exits with code 2.

    URIs are told without their credentials.

    Args:
        where: File and line or key, directory, or address.
        law: What must hold.
        found: What was found instead: a thing, or a `Clause`.
        remedy: What to do about it.
    """

    def __init__(self, *, where: str, law: str, found: str, remedy: str) -> None:
        but = "but" if isinstance(found, Clause) else "but got"
        self.where, self.law, self.remedy = map(without_credentials, (where, law, remedy))
        self.found = type(found)(without_credentials(found))
        super().__init__(f"{self.where}: {self.law}, {but} {self.found}. {self.remedy}")

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the parts across processes: exceptions are rebuilt from positional arguments."""
        return _rebuild, (self.where, self.law, self.found, self.remedy)


def for_user(error: CorpusError | SpaceError, *, where: str) -> UserError:
    """Return an error of a corpus or a space, which tell of it in clauses, as the user's."""
    thing = error.found.removeprefix("got ")
    found = Clause(error.found) if thing == error.found else thing
    return UserError(where=where, law=error.law, found=found, remedy=error.remedy)


def _rebuild(where: str, law: str, found: str, remedy: str) -> UserError:
    return UserError(where=where, law=law, found=found, remedy=remedy)
