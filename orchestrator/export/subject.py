"""What is exported: one member's state in a search, its genome, and how to get at its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import Clause, UserError
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.logged_events import DamagedLogError
from orchestrator.resuming import files_of, logged_run
from orchestrator.storage.working_copy import checkpoints_in, shown
from orchestrator.story.telling import leaderboard, told
from orchestrator.tasks import StateKey
from orchestrator.trust import require_trusted, text_reaches
from search_spaces.genome import genome_from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orchestrator.events import Ordered, Reported
    from orchestrator.run_config import RunConfig
    from orchestrator.story.telling import Point, Story
    from orchestrator.trust import Reach
    from search_spaces.genome import Genome
    from trainers.data import Corpus
    from trainers.folder import Folder
    from trainers.state import MemberState


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A member after a generation of a search."""

    directory: Path
    """Of the search."""
    story: Story
    run: RunConfig
    member: int
    """The baseline's is the number after the population's last."""
    generation: int
    genome: Genome
    damage: str | None = None
    """What is wrong with the log; the story is what is whole before it."""
    trust: bool = False
    """Whether files elsewhere may be read that the log names, whosever it is."""

    @property
    def point(self) -> Point:
        """Where it is in the story."""
        return self.member, self.generation

    @property
    def order(self) -> Ordered:
        """The order that made it."""
        return self.story.orders[self.point]

    @property
    def report(self) -> Reported:
        """What its last interval gave."""
        return self.story.reports[self.point]

    @property
    def horizon_tokens(self) -> int:
        """Tokens of a whole training in this search: the unit of all its schedules."""
        assert self.story.started is not None
        return self.story.started.horizon_tokens

    @property
    def is_winner(self) -> bool:
        """Whether the search has finished and chosen it."""
        end = self.story.finished
        return end is not None and (end.winner, end.generation) == self.point

    def state(self) -> MemberState:
        """Read its weights and all that continues it.

        Raises:
            UserError: Its checkpoint is missing or damaged; names what else could be exported.
        """
        from trainers.checkpoint import CheckpointDamaged, read_checkpoint  # noqa: PLC0415 - torch

        try:
            state, _ = read_checkpoint(_checkpoint(self.directory, self.point))
        except CheckpointDamaged as error:
            raise UserError(
                where=str(error.file),
                law=f"the checkpoint of {self} is whole",
                found=Clause(error.what.removesuffix(".")),
                remedy=_others(self),
            ) from error
        return state

    def corpus(self) -> Corpus:
        """Open the text that it was trained on; made again from its sources if need be.

        Raises:
            UserError: It cannot be made, or would be another one; or the search is not the user's
                own and its text lies elsewhere.
        """
        from orchestrator.run_corpus import corpus_of_search  # noqa: PLC0415 - torch

        assert self.story.started is not None
        self.require_trusted(lambda: text_reaches(self.run, self.directory))
        logged = self.story.started.corpus["digest"]
        corpus, _ = corpus_of_search(self.run, self.directory, self.story.started.corpus)
        if corpus.digest != logged:
            raise UserError(
                where=f"{self.directory / LOG_NAME}: corpus",
                law=f"the text is the one that the search read, {logged}",
                found=f"other text, {corpus.digest}",
                remedy="Put the files of its sources back as they were.",
            )
        return corpus

    def require_trusted(self, asked: Callable[[], Sequence[Reach]]) -> None:
        """Check that what a use of it reaches for is the user's own wish.

        Raises:
            UserError: The search is not the user's own, and no `--trust` was said.
        """
        require_trusted(asked, files=files_of(self.directory), trust=self.trust)

    def __str__(self) -> str:
        """Name it for people."""
        return f"member {self.member} after generation {self.generation}"


def find_subject(
    directory: Path,
    *,
    member: int | None = None,
    generation: int | None = None,
    trust: bool = False,
) -> Subject:
    """Find what to export: the winner unless a member is named; before the end, the best so far.

    Args:
        directory: Of a search that runs, was stopped or has finished.
        member: Whose newest whole interval; the number after the last is the baseline's.
        generation: After this one instead of the newest.
        trust: Read files elsewhere that the log names, whosever it is.

    Raises:
        UserError: No such search or member, or none has finished an interval.
    """
    damage = None
    try:
        events = tuple(read_log(directory / LOG_NAME)[0])
    except DamagedLogError as error:
        events, damage = error.whole, str(error)
        if not events:
            raise
    run = logged_run(events, directory)
    story = told(events)
    whole = sorted(point for point, report in story.reports.items() if report.failure is None)
    point = _point(story, whole, member=member, generation=generation)
    if point is None:
        members = sorted({m for m, _ in whole})
        asked = "" if member is None else f" of member {member}"
        asked += "" if generation is None else f" after generation {generation}"
        raise UserError(
            where=shown(directory),
            law=f"a state{asked} to export comes from an interval that ended well",
            found=f"members {', '.join(map(str, members))}" if members else "none so far",
            remedy="Choose one of these with --member."
            if members
            else "Let the search go on ('masga resume'), or look at its failures in the report.",
        )
    genome = genome_from_json(story.orders[point].genome)
    return Subject(
        directory=directory,
        story=story,
        run=run,
        member=point[0],
        generation=point[1],
        genome=genome,
        damage=damage,
        trust=trust,
    )


def _point(
    story: Story, whole: list[Point], *, member: int | None, generation: int | None
) -> Point | None:
    if member is None and generation is None:
        end = story.finished
        if end is not None and end.winner is not None and end.generation is not None:
            return end.winner, end.generation
        leader = next((at for at in leaderboard(story) if at.fitness is not None), None)
        return None if leader is None else (leader.member, leader.generation)
    if member is None:
        at = [p for p in whole if p[1] == generation and p in story.scores]
        return min(at, key=lambda p: story.reports[p].nats_per_token or 0.0, default=None)
    mine = [p for p in whole if p[0] == member and generation in (None, p[1])]
    return mine[-1] if mine else None


def _checkpoint(directory: Path, point: Point) -> Folder:
    return checkpoints_in(directory) / str(StateKey(*point))


def _others(subject: Subject) -> str:
    """Say which states could be exported instead."""
    from trainers.checkpoint import CheckpointDamaged, read_checkpoint  # noqa: PLC0415 - torch

    whole: list[str] = []
    for point in sorted(subject.story.reports):
        try:
            read_checkpoint(_checkpoint(subject.directory, point))
        except CheckpointDamaged:
            continue
        whole.append(f"--member {point[0]} --generation {point[1]}")
    if not whole:
        return "No other checkpoint is whole: restore one from a copy."
    return f"Restore it from a copy, or export one that is whole: {'; '.join(whole)}."
