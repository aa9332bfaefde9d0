"""What a named corpus must say of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCorpus:
    """Text known by a name. `locate` and `read` import nothing of the package that carries it."""

    name: str
    summary: str
    licence: str
    """Licence of the text; written into every manifest."""
    origin: str
    locate: Callable[[], tuple[Path, ...]]
    """Return the files; raises CorpusError, with the command that installs them, if not there."""
    read: Callable[[tuple[Path, ...]], Iterator[str]]
    """Yield the documents of the files in a fixed order."""
