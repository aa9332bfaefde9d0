"""What an export format is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.export.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write a member for others to use."""

    what: str
    """One line for --help."""
    suffix: str
    """Of the file that it makes; empty: it makes a directory."""
    write: Callable[[Subject, Path], None]
    """Make the file or directory at a path where there is nothing.

    Raises `UserError` where the subject cannot be expressed, naming the gene and the nearest value
    that can. Whoever calls it sees to it that nothing half-written stays.
    """
    use: Callable[[Subject, Path], tuple[str, ...]]
    """Lines that a newcomer can paste, given where the export is."""
