"""Constraints: laws between genes, each with a way to mend what breaks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from search_spaces.errors import InfeasibleGenome

if TYPE_CHECKING:
    from collections.abc import Callable

    from search_spaces.genome import Genome
    from search_spaces.space import Space


class Constraint(Protocol):
    """A law between genes. Implementations are frozen values, so that spaces stay hashable."""

    @property
    def law(self) -> str:
        """The law in words, as error messages begin: 'kv heads divide the heads of a layer'."""

    def broken(self, genome: Genome, space: Space) -> str | None:
        """Return the facts that break the law, or None where it holds."""

    def mend(self, genome: Genome, space: Space, free: frozenset[str]) -> Genome:
        """Return a near genome that obeys, changing genes of `free` only, within their domains.

        Called only where the law is broken; deterministic.

        Raises:
            InfeasibleGenome: there is none.
        """


@dataclass(frozen=True, slots=True)
class Rule:
    """A law of the user's own that can be tested but not mended: draws that break it are redrawn.

    >>> from search_spaces.gpt.space import GPT
    >>> rule = Rule("AdamW has a warm-up", lambda g: g.protocol.warmup_fraction > 0.01)
    >>> GPT.with_constraint(rule).constraints[-1].law
    'AdamW has a warm-up'
    """

    law: str
    holds: Callable[[Genome], bool]

    def broken(self, genome: Genome, space: Space) -> str | None:  # noqa: ARG002 - the interface
        """Ask the user's function."""
        return None if self.holds(genome) else f"genome {genome.digest} does not obey"

    def mend(self, genome: Genome, space: Space, free: frozenset[str]) -> Genome:
        """Refuse: only a new draw can help.

        Raises:
            InfeasibleGenome: always.
        """
        del space, free
        raise InfeasibleGenome(
            self.law,
            f"genome {genome.digest} does not obey",
            "Draw another, or write a constraint with a `mend` of its own.",
        )
