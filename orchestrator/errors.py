"""The one way to tell users what is theirs to mend: where, the law, what was found, the remedy."""

from __future__ import annotations


class UserError(ValueError):
    """A mistake that the user can mend; the command line prints it and exits with code 2.

    Args:
        where: File and line or key, directory, or address.
        law: What must hold.
        found: What was found instead.
        remedy: What to do about it.
    """

    def __init__(self, *, where: str, law: str, found: str, remedy: str) -> None:
        self.where, self.law, self.found, self.remedy = where, law, found, remedy
        super().__init__(f"{where}: {law}, but got {found}. {remedy}")

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the parts across processes: exceptions are rebuilt from positional arguments."""
        return _rebuild, (self.where, self.law, self.found, self.remedy)


def _rebuild(where: str, law: str, found: str, remedy: str) -> UserError:
    return UserError(where=where, law=law, found=found, remedy=remedy)
