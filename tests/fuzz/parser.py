"""A reader of files from outside, with well-formed input to damage and the errors it may give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fuzz.choices import Choices

Files = dict[str, bytes]
"""The files of one input, by name."""


@dataclass(frozen=True, slots=True)
class Parser:
    """A reader of files from outside."""

    make: Callable[[Choices], Files]
    """Returns damaged input."""
    read: Callable[[Path], object]
    """Reads the input in a directory, as masga does."""
    errors: tuple[type[Exception], ...]
    """What it may raise: anything else is a fault."""
