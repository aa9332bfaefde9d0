"""Loading spaces: ours by name, a user's own from a Python file or module."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import SpaceNotFound
from search_spaces.gpt.space import GPT
from search_spaces.space import Space

if TYPE_CHECKING:
    from types import ModuleType

SPACES = {"gpt": GPT}
"""The spaces that can be asked for by name."""


def load_space(reference: str) -> Space:
    """Return the space that a run file names.

    Args:
        reference: A name of `SPACES`, `path/to/file.py:NAME` or `package.module:NAME`. A file is
            executed: it is the user's own code.

    Raises:
        SpaceNotFound: no such name, file or module, the file fails, or NAME is not a `Space`.
    """
    if reference in SPACES:
        return SPACES[reference]
    place, colon, name = reference.rpartition(":")
    if not colon or not place or not name:
        raise SpaceNotFound(
            f"a space is {' or '.join(map(repr, SPACES))}, 'path/to/file.py:NAME' or"
            " 'package.module:NAME'",
            f"got {reference!r}",
            "Correct the reference.",
        )
    module = _from_file(Path(place)) if place.endswith(".py") else _from_module(place)
    if not hasattr(module, name):
        spaces = sorted(k for k, v in vars(module).items() if isinstance(v, Space))
        raise SpaceNotFound(
            f"{place} defines {name!r}",
            f"its spaces are {spaces}",
            "Correct the name after the colon.",
        )
    space = getattr(module, name)
    if not isinstance(space, Space):
        raise SpaceNotFound(
            f"{reference} is a search_spaces.space.Space",
            f"it is a {type(space).__name__}",
            "Build one from GPT: `GPT.narrowed(...)`, `GPT.with_constraint(...)`.",
        )
    return space


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise SpaceNotFound(
            f"the file {path} exists",
            f"there is none in {path.absolute().parent}",
            "Correct the path; it is relative to the working directory.",
        )
    spec = importlib.util.spec_from_file_location(f"own_space_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SpaceNotFound(
            f"{path} can be executed",
            f"it raised {type(error).__name__}: {error}",
            "Mend the file; running it with python shows where.",
        ) from error
    return module


def _from_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise SpaceNotFound(
            f"module {name!r} can be imported",
            f"it raised {type(error).__name__}: {error}",
            "Install it, correct its name, or give the path of a .py file.",
        ) from error
