"""Run file in, `RunConfig` out; every mistake told with its file, line and key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from orchestrator.credentials import require_no_credentials
from orchestrator.errors import UserError
from orchestrator.mistakes import UserErrors, gathered
from orchestrator.run_config import OWN_CODE, RunConfig
from orchestrator.run_file import RunFile, dotted, override, read_run_file
from orchestrator.run_mistakes import user_errors
from orchestrator.trust import code_reaches, reaches, require_trusted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.trust import Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRun:
    """A run and the file it came from."""

    config: RunConfig
    file: RunFile

    def located(self, error: UserError) -> UserError:
        """Return the error with file and line, if its `where` begins with a key of the file."""
        if isinstance(error, UserErrors):
            return gathered(tuple(map(self.located, error.errors)))
        keys = {dotted(key): key for key in self.file.places}
        above = [name for name in keys if re.match(rf"{re.escape(name)}(?![\w-])", error.where)]
        if not above:
            return error
        place = self.file.places[keys[max(above, key=len)]]
        where = f"{place}: {error.where}"
        return UserError(where=where, law=error.law, found=error.found, remedy=error.remedy)


def load_run(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    output: str | Path | None = None,
    trust: bool = False,
) -> LoadedRun:
    """Read, check and resolve a run file; what it reaches for must be the user's own wish.

    Args:
        path: The run file.
        overrides: `key.path=value`, put over the file in this order.
        seed: Put over the file's seed.
        output: Directory of searches, relative to the current one, or a URI; put over the file's.
        trust: Use what the file names (code, files elsewhere, servers) whosever it is.

    Raises:
        UserError: All mistakes of the file; or it is not the user's own and reaches too far.
    """
    loaded = read_run(path, overrides=overrides, seed=seed, output=output)
    said = loaded.file.overridden | ({("output",)} if output is not None else set())

    def asked() -> tuple[Reach, ...]:
        wanted = reaches(loaded.config, path.resolve().parent)
        return tuple(reach for reach in wanted if not any(reach.key[: len(k)] == k for k in said))

    require_trusted(asked, files=(path,), trust=trust)
    check_own_code(loaded.config, loaded.file)
    return loaded


def read_run(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    output: str | Path | None = None,
) -> LoadedRun:
    """Read, check and resolve a run file without importing anything that it names.

    Args:
        path: The run file.
        overrides: `key.path=value`, put over the file in this order.
        seed: Put over the file's seed.
        output: Directory of searches, relative to the current one, or a URI; put over the file's.

    Raises:
        UserError: All mistakes of the file.
    """
    require_no_credentials(None if output is None else str(output), where="--output")
    run_file = read_run_file(path)
    for assignment in overrides:
        run_file = override(run_file, assignment)
    if seed is not None:
        run_file = override(run_file, f"seed={seed}")
    values = {"name": path.stem, **run_file.values}
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        raise gathered(user_errors(error, run_file)) from None
    config = config.anchored(path.resolve().parent)
    if output is not None:
        config = config.model_copy(update={"output": str(output)})
    return LoadedRun(config=config, file=run_file)


def check_own_code(config: RunConfig, run_file: RunFile) -> None:
    """Check the plug-ins of the user's own that a run names, by importing them.

    Raises:
        UserError: One cannot be had, or does not take its parameters.
    """
    if not code_reaches(config):
        return
    values = {**config.deciding(), **config.beside()}
    try:
        RunConfig.model_validate(values, context=OWN_CODE)
    except ValidationError as error:
        raise gathered(user_errors(error, run_file)) from None
