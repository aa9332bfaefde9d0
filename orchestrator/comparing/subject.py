"""What is compared: a search by its story, with a name that no other one of the comparison has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import Clause, UserError

if TYPE_CHECKING:
    from orchestrator.comparing.logged_space import LoggedGene
    from orchestrator.comparing.settings import Settings
    from orchestrator.events import SearchStarted
    from orchestrator.story.telling import Story


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """A search that has closed at least one generation; made by `subject`."""

    name: str
    source: str
    """Where its log lies."""
    story: Story
    started: SearchStarted
    settings: Settings
    genes: tuple[LoggedGene, ...]
    is_running: bool
    """Whether a process was writing it when it was opened."""
    damage: str | None
    """What is wrong with its log, if anything: only what lies before it is compared."""

    @property
    def is_finished(self) -> bool:
        """Whether the log tells its end."""
        return self.story.finished is not None


def check_comparable(story: Story, *, source: str, damage: str | None) -> SearchStarted:
    """Return how the search began.

    Raises:
        UserError: It has not begun, or no generation of it has closed.
    """
    started = story.started
    if started is not None and story.closings:
        return started
    if started is None:
        found = "nothing of a search in its log"
    else:
        asked = len({member for member, _ in story.orders})
        found = f"reports of {len(story.judged)} of {asked} members on the first one"
    torn = "" if damage is None else f" ({damage})"
    raise UserError(
        where=source,
        law="a search that can be compared has closed one generation or more",
        found=Clause(f"there is {found}") if started is None else found,
        remedy=f"Wait for it, resume it with 'masga resume', or leave it out{torn}.",
    )
