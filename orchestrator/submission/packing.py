"""Packs a run: its run file, its text and its user's own modules, in one directory to upload.

run.yaml            resolved, with paths into the pack
corpus/0/...        files of the sources that are paths
modules/...         the user's own space and plug-ins, found as Python finds them
"""

from __future__ import annotations

import glob
import importlib.util
import shutil
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from orchestrator.errors import Clause, UserError
from orchestrator.numerals import count
from orchestrator.storage.place import is_remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.events import JSON
    from orchestrator.run_config import RunConfig

RUN_FILE, MODULES = "run.yaml", "modules"
LARGEST_PACK_BYTES = 200_000_000
"""Ray keeps uploads in the head node's memory and refuses those of 500 MiB or more."""


def pack(config: RunConfig, into: Path, *, with_corpus: bool = True) -> None:
    """Write the pack into an empty directory.

    Args:
        config: The run, its paths anchored.
        into: Where to; it exists.
        with_corpus: Take the files of sources along; otherwise their paths are the cluster's.

    Raises:
        UserError: A source has no files, a module cannot be found, or all is too large to send.
    """
    values: dict[str, JSON] = {**config.deciding(), **config.beside()}
    del values["output"]  # the cluster's affair
    values["resources"] = {**values["resources"], "address": "auto"}
    if with_corpus:
        values["corpus"] = {**values["corpus"], "sources": _sources(config, into)}
    values["space"] = {**values["space"], "name": _space(config.space.name, into)}
    for path in _own_modules(config):
        _copy_module(path, into / MODULES)
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    (into / RUN_FILE).write_text(text, encoding="utf-8")
    size = sum(file.stat().st_size for file in into.rglob("*") if file.is_file())
    if size > LARGEST_PACK_BYTES:
        raise UserError(
            where="corpus.sources",
            law=f"what is sent to the cluster has at most {count(LARGEST_PACK_BYTES)} bytes",
            found=f"{count(size)}",
            remedy="Put the text where all nodes see it, and submit with --corpus-on-cluster.",
        )


def _sources(config: RunConfig, into: Path) -> list[JSON]:
    """Copy the files of sources and return the sources as the packed run file has them."""
    packed: list[JSON] = []
    for at, source in enumerate(config.corpus.sources):
        values: dict[str, JSON] = source.model_dump(mode="json")
        if source.path is not None and not is_remote(source.path):
            files = [Path(name) for name in sorted(glob.glob(source.path, recursive=True))]  # noqa: PTH207 - a pattern with its root
            files = [file for file in files if file.is_file()]
            if not files:
                raise UserError(
                    where=f"corpus.sources[{at}].path",
                    law="files match it on this machine, which sends them",
                    found=Clause(f"none match {source.path}"),
                    remedy="Correct the path; for files of the cluster use --corpus-on-cluster.",
                )
            values["path"] = _copy_files(files, into, Path("corpus", str(at)))
        packed.append(values)
    return packed


def _copy_files(files: list[Path], into: Path, below: Path) -> str:
    """Copy files, numbered as they sort, and return the pattern that finds them in that order."""
    (into / below).mkdir(parents=True)
    width = len(str(len(files)))
    for number, file in enumerate(files):
        shutil.copyfile(file, into / below / f"{number:0{width}d}-{file.name}")
    return f"{below}/*"


def _space(name: str, into: Path) -> str:
    """Copy a space that is a file, and return its name in the pack."""
    file, colon, variable = name.rpartition(":")
    if not (colon and file.endswith(".py")):
        return name
    path = Path(file)
    if not path.is_file():
        raise UserError(
            where="space.name",
            law="the file of a space exists",
            found=Clause(f"there is no {path}"),
            remedy="Correct the path.",
        )
    _copy_module(path, into / MODULES)
    return f"{MODULES}/{path.name}:{variable}"


def _own_modules(config: RunConfig) -> Iterator[Path]:
    """Find the top-level files or packages of plug-ins that are not installed packages."""
    names = [config.selection.policy, config.fitness.horizon]
    names += [proposer.proposer for proposer in config.proposers]
    if not config.space.name.partition(":")[0].endswith(".py"):
        names.append(config.space.name)
    installed = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib", "stdlib")}
    for top in sorted({name.partition(":")[0].partition(".")[0] for name in names if ":" in name}):
        found = importlib.util.find_spec(top)
        if found is None or found.origin is None:
            raise UserError(
                where=top,
                law="a plug-in's module can be found here, where it is sent from",
                found="none of that name, or one without files",
                remedy="Check the spelling; the module must be installed or on PYTHONPATH.",
            )
        origin = Path(found.origin)
        path = origin.parent if found.submodule_search_locations else origin
        if not any(path.is_relative_to(place) for place in installed):
            yield path


def _copy_module(path: Path, modules: Path) -> None:
    modules.mkdir(exist_ok=True)
    if path.is_dir():
        shutil.copytree(
            path,
            modules / path.name,
            ignore=shutil.ignore_patterns("__pycache__", ".*"),
            dirs_exist_ok=True,
        )
    else:
        shutil.copyfile(path, modules / path.name)
