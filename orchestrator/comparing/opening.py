"""From names to searches: directories, or what MLflow has under a name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.comparing.logged_space import logged_genes
from orchestrator.comparing.settings import read_settings
from orchestrator.comparing.subject import Subject, check_comparable
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.logged_events import DamagedLogError
from orchestrator.storage.place import is_remote
from orchestrator.storage.working_copy import has_writer, searches_in, shown
from orchestrator.story.telling import told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Fetch = Callable[[str], Sequence[tuple[str, Path]]]
    """From an MLflow run id or experiment name to (name, event log) of each of its searches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the names lead to."""

    subjects: tuple[Subject, ...]
    left_out: tuple[str, ...]
    """Why searches of a group were left out: those that have not begun, say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    name: str
    log: Path
    of_group: bool
    """Whether nobody named it by itself."""


def open_searches(names: Sequence[str], *, fetch: Fetch) -> Opened:
    """Open every search that the names lead to, each once.

    Raises:
        UserError: A name leads nowhere, to a search that cannot be compared, or to several of
            which none can.
    """
    found: dict[Path, _Found] = {}
    for name in names:
        for each in _resolved(name, fetch):
            found.setdefault(each.log.resolve(), each)
    logs = list(found.values())
    subjects: list[Subject] = []
    errors: list[UserError] = []
    for label, each in zip(_labels(logs), logs, strict=True):
        try:
            subjects.append(_open(label, each.log))
        except UserError as error:
            if not each.of_group:
                raise
            errors.append(error)
    if not subjects:
        raise errors[0]
    return Opened(subjects=tuple(subjects), left_out=tuple(map(str, errors)))


def _resolved(name: str, fetch: Fetch) -> list[_Found]:
    if is_remote(name):
        found = searches_in(name)
        return [
            _Found(name=each.name, log=each / LOG_NAME, of_group=len(found) > 1) for each in found
        ]
    directory = Path(name)
    if (directory / LOG_NAME).is_file():
        alone = _Found(name=directory.resolve().name, log=directory / LOG_NAME, of_group=False)
        return [alone]
    if directory.is_dir():
        inner = sorted(log for log in directory.glob(f"*/{LOG_NAME}") if log.is_file())
        if inner:
            return [_Found(name=log.parent.name, log=log, of_group=True) for log in inner]
        raise UserError(
            where=name,
            law=f"a search has an event log, {LOG_NAME}",
            found="a directory with none in it, nor in those within",
            remedy="Give the directory that 'masga search' printed, or one that holds several.",
        )
    if directory.exists() or directory.is_absolute() or name.startswith("."):
        raise UserError(
            where=name,
            law="a search is named by its directory, its MLflow run id or an experiment's name",
            found="a file" if directory.exists() else "no such directory",
            remedy="Correct the path.",
        )
    fetched = fetch(name)
    return [_Found(name=label, log=log, of_group=len(fetched) > 1) for label, log in fetched]


def _labels(logs: Sequence[_Found]) -> list[str]:
    """Return names that differ: with the directory above where two are the same, or numbered."""
    names = [each.name for each in logs]
    if len(set(names)) < len(names):
        names = [
            name if names.count(name) == 1 else f"{each.log.resolve().parent.parent.name}/{name}"
            for name, each in zip(names, logs, strict=True)
        ]
    seen: dict[str, int] = {}
    labels: list[str] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        labels.append(name if names.count(name) == 1 else f"{name} ({seen[name]})")
    return labels


def _open(name: str, log: Path) -> Subject:
    damage = None
    try:
        events = tuple(read_log(log)[0])
    except DamagedLogError as error:
        events, damage = error.whole, str(error)
    story = told(events)
    started = check_comparable(story, source=shown(log.parent), damage=damage)
    return Subject(
        name=name,
        source=shown(log.parent),
        story=story,
        started=started,
        settings=read_settings(started, where=str(log)),
        genes=logged_genes(started.space, where=str(log)),
        is_running=story.finished is None and has_writer(log),
        damage=damage,
    )
