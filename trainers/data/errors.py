"""The one error of this package: where, the law that was broken, what was found, the remedy."""

from __future__ import annotations


class CorpusError(ValueError):
    """A corpus cannot be made or opened as asked; the text says how to mend it.

    The four parts stay apart, so that a caller can show them in its own form. Positional order is
    fixed (it is what pickling between processes uses); write them as keywords.
    """

    def __init__(self, where: str, law: str, found: str, remedy: str) -> None:
        super().__init__(where, law, found, remedy)
        self.where = where
        self.law = law
        self.found = found
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.law}, but {self.found}. {self.remedy}"
