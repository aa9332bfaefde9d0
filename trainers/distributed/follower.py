"""A rank other than 0: it keeps its part of each member and does what rank 0 does, beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

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
    from trainers.data import Corpus
    from trainers.distributed.commands import Command
    from trainers.distributed.ranks import Ranks


class Follower:
    """Obeys commands, in the order in which rank 0 has given them.

    Args:
        corpus: the same as rank 0's.
        ranks: this process among the others.
    """

    def __init__(self, corpus: Corpus, ranks: Ranks) -> None:
        self._corpus = corpus
        self._ranks = ranks
        self._members: dict[int, Member] = {}

    def obey(self, command: Command) -> str | None:
        """Do a command together with the other ranks; return why it was refused, if it was.

        All ranks see the same numbers, so what one refuses with a `ValueError` all refuse.
        """
        try:
            self._obey(command)
        except ValueError as error:
            return str(error)
        return None

    def _obey(self, command: Command) -> None:
        match command:
            case Create():
                self._members[command.member] = Member.create(
                    command.architecture,
                    command.protocol,
                    corpus=self._corpus,
                    settings=command.settings,
                    member_seed=command.member_seed,
                    ranks=self._ranks,
                )
            case Revive():
                self._members[command.member] = Member.from_state(
                    command.state,
                    corpus=self._corpus,
                    settings=command.settings,
                    ranks=self._ranks,
                )
            case Train():
                self._members[command.member].train(command.tokens)
            case Evaluate():
                self._members[command.member].evaluate(command.split, batches=command.batches)
            case EvaluateDomains():
                self._members[command.member].evaluate_domains()
            case Play():
                self._members[command.member].play(price=command.price)
            case Gather():
                self._members[command.member].state()
            case Forget():
                for member in command.members:
                    self._members.pop(member, None)
            case _:
                assert_never(command)
