"""Rank 0's side of a group of processes: members that look like those of one process.

Whoever holds a `GroupMember` knows nothing of the other ranks: each call is told to them first, and
done with them. One caller at a time.
"""

from __future__ import annotations

import contextlib
import itertools
import weakref
from collections import deque
from typing import TYPE_CHECKING, Protocol

from trainers.distributed.commands import (
    Create,
    Evaluate,
    EvaluateDomains,
    Forget,
    Gather,
    Play,
    Revive,
    Train,
)
from trainers.member import Member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from search_spaces.gpt.architecture import Architecture
    from search_spaces.gpt.protocol import Protocol as TrainingProtocol
    from trainers.attribution import UtilityFields
    from trainers.data import Corpus, Split
    from trainers.distributed.commands import Command
    from trainers.distributed.ranks import Ranks
    from trainers.evaluation import Evaluation
    from trainers.interval import Interval, Progress
    from trainers.measurement.best_reply import BestReply
    from trainers.model import Transformer
    from trainers.settings import TrainerSettings
    from trainers.state import MemberState, Position


class Followers(Protocol):
    """The way from rank 0 to the others, whatever starts them."""

    def tell(self, command: Command) -> None:
        """Send a command to all; return at once."""

    def answers(self) -> Sequence[str | None]:
        """Wait until all have done the last command; return why each refused it, if it did.

        Raises:
            RanksLost: One has died or failed.
        """

    def lost(self) -> Exception | None:
        """Return what has happened to a rank that has died or failed, if that is known."""


class RanksLost(Exception):  # noqa: N818 (a state of the group, named as users meet it)
    """The processes of a group no longer do the same: it must be started again."""


class MemberGroup:
    """Makes members that several processes train together.

    Args:
        corpus: The same as the followers'.
        ranks: This process, rank 0.
        followers: The other ranks.
    """

    def __init__(self, corpus: Corpus, ranks: Ranks, followers: Followers) -> None:
        if ranks.rank != 0:
            raise ValueError(f"A group is led by rank 0, but this is rank {ranks.rank}.")
        self._corpus = corpus
        self._ranks = ranks
        self._followers = followers
        self._numbers = itertools.count()
        self._let_go: deque[int] = deque()

    def create(
        self,
        architecture: Architecture,
        protocol: TrainingProtocol,
        *,
        settings: TrainerSettings,
        member_seed: int,
    ) -> GroupMember:
        """Make a member with weights drawn from its own seed."""
        number = next(self._numbers)
        command = Create(
            member=number,
            architecture=architecture,
            protocol=protocol,
            settings=settings,
            member_seed=member_seed,
        )
        with self.together(command):
            member = Member.create(
                architecture,
                protocol,
                corpus=self._corpus,
                settings=settings,
                member_seed=member_seed,
                ranks=self._ranks,
            )
        return self._held(number, member)

    def revive(self, state: MemberState, *, settings: TrainerSettings) -> GroupMember:
        """Continue a state, whatever number of processes made it.

        Raises:
            ValueError: A weight is missing, unknown or of a shape that the architecture has not.
        """
        number = next(self._numbers)
        command = Revive(member=number, state=state.without_data(), settings=settings)
        with self.together(command):
            member = Member.from_state(
                state, corpus=self._corpus, settings=settings, ranks=self._ranks
            )
        return self._held(number, member)

    @contextlib.contextmanager
    def together(self, command: Command) -> Iterator[None]:
        """Have all ranks do a command; the block is rank 0's own part.

        Raises:
            RanksLost: A rank has died, or not all came to the same.
        """
        if self._let_go:
            gone = tuple(self._let_go.popleft() for _ in range(len(self._let_go)))
            self._followers.tell(Forget(members=gone))
            self._followers.answers()
        self._followers.tell(command)
        refused: ValueError | None = None
        try:
            yield
        except ValueError as error:
            refused = error
        except Exception as error:
            # Often it is told here only that the others no longer answer.
            cause = self._followers.lost()
            if cause is None:
                raise
            raise RanksLost(f"{cause} (rank 0: {error})") from error
        told = self._followers.answers()
        if any((answer is None) != (refused is None) for answer in told):
            raise RanksLost(
                "All ranks must come to the same, but rank 0 "
                f"{'refused' if refused else 'did'} {type(command).__name__} "
                f"({refused or 'no error'}) and the others said {list(told)}."
            ) from refused
        if refused is not None:
            raise refused

    def _held(self, number: int, member: Member) -> GroupMember:
        held = GroupMember(self, number, member)
        weakref.finalize(held, self._let_go.append, number).atexit = False
        return held


class GroupMember:
    """A member of a group, as rank 0 sees it: see `Member` for each method."""

    def __init__(self, group: MemberGroup, number: int, member: Member) -> None:
        self._group = group
        self._number = number
        self._member = member

    @property
    def model(self) -> Transformer:
        """The live model, its weights split over the ranks."""
        return self._member.model

    @property
    def protocol(self) -> TrainingProtocol:
        """How it is trained."""
        return self._member.protocol

    @property
    def position(self) -> Position:
        """Where training is."""
        return self._member.position

    @property
    def fresh_slots(self) -> tuple[str, ...]:
        """Optimizer slots that started at 0 when this member was made."""
        return self._member.fresh_slots

    @property
    def utilities(self) -> UtilityFields:
        """What is known of its components' utilities."""
        return self._member.utilities

    def state(self) -> MemberState:
        """Bring the state together, on the CPU of this process."""
        with self._group.together(Gather(member=self._number)):
            return self._member.state()

    def train(self, tokens: int, *, progress: Callable[[Progress], None] | None = None) -> Interval:
        """Train exactly `tokens` tokens, or less if the loss or the gradient is not finite."""
        with self._group.together(Train(member=self._number, tokens=tokens)):
            return self._member.train(tokens, progress=progress)

    def evaluate(self, split: Split, *, batches: int | None = None) -> Evaluation:
        """Measure the loss on a split's fixed batches."""
        with self._group.together(Evaluate(member=self._number, split=split, batches=batches)):
            return self._member.evaluate(split, batches=batches)

    def play(self, *, price: float) -> BestReply:
        """Seek the components' best reply to a price on the game split."""
        with self._group.together(Play(member=self._number, price=price)):
            return self._member.play(price=price)

    def evaluate_domains(self) -> tuple[Evaluation, ...]:
        """Measure the loss on the selection windows of each source of the corpus."""
        with self._group.together(EvaluateDomains(member=self._number)):
            return self._member.evaluate_domains()
