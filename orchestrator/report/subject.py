"""What a report is about: a search, where it lies, how far it is, which commands can go on."""

from __future__ import annotations

import datetime as dt
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.story.telling import share_spent

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.certification import Certificate
    from orchestrator.story.telling import Story


State = Literal["finished", "running", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """All that a report is made of: the same subject gives the same page."""

    story: Story
    directory: Path
    """Of the search, as commands should name it."""
    state: State
    damage: str | None
    """Which line of the log is damaged; the story is what stands before it."""
    commands: frozenset[str]
    """The subcommands of `masga` that exist here; no other is recommended."""
    certificate: Certificate | None = None
    """The newest finished one of the search."""
    certificate_damage: str | None = None
    """Why a certificate cannot be read."""

    @property
    def name(self) -> str:
        """The search's name."""
        started = self.story.started
        return self.directory.name if started is None else str(started.run["name"])

    @property
    def quoted(self) -> str:
        """The directory as a shell takes it."""
        return shlex.quote(str(self.directory))


def progress(subject: Subject) -> str:
    """Say how far the search is, in one clause."""
    story = subject.story
    match subject.state:
        case "finished":
            assert story.finished is not None
            return f"finished ({story.finished.reason.replace('_', ' ')})"
        case "running":
            return f"still running, {share_spent(story):.0%} of its budget spent"
        case "stopped":
            return f"stopped after {share_spent(story):.0%} of its budget"


def latest(story: Story) -> str | None:
    """Return when the latest report came, UTC; None before the first."""
    ends = [report.finished_at for report in story.reports.values()]
    if not ends:
        return None
    moment = dt.datetime.fromtimestamp(max(ends), tz=dt.UTC)
    return f"{moment:%Y-%m-%d %H:%M} UTC"
