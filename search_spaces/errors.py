"""Errors of spaces and genomes: the law that was broken, what was found, and the remedy."""

from __future__ import annotations


class SpaceError(ValueError):
    """A domain, space or genome breaks a law. The message is law, facts, remedy."""

    def __init__(self, law: str, found: str, remedy: str) -> None:
        self.law = law
        self.found = found
        self.remedy = remedy
        super().__init__(f"{law}, but {found}. {remedy}")

    def __reduce__(self) -> tuple[type[SpaceError], tuple[str, str, str]]:
        """Travel between processes: exceptions pickle their arguments, ours are three."""
        return type(self), (self.law, self.found, self.remedy)


class InfeasibleGenome(SpaceError):  # noqa: N818 - the word of the design; it is caught by name
    """No genome that this one could be repaired to obeys every law of the space."""


class SpaceNotFound(SpaceError):  # noqa: N818 - reads as what happened
    """A name or file does not lead to a `Space`."""
