"""What an export format is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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


def refusal(
    subject: Subject,
    misfits: Sequence[tuple[str, object, object]],
    *,
    law: str,
    instead: str,
) -> UserError:
    """Return what to tell of genes that a format cannot express.

    Args:
        subject: What was to be exported.
        misfits: (gene, value, nearest value that can be expressed).
        law: What the format expresses.
        instead: Other formats that can.
    """
    return UserError(
        where=str(subject),
        law=law,
        found=", ".join(f"{gene}={value}" for gene, value, _ in misfits),
        remedy="The nearest that can be expressed: "
        + ", ".join(f"{gene}={nearest}" for gene, _, nearest in misfits)
        + f". Export another member with --member, or {instead}.",
    )
