"""Users' own plug-ins, held to their contracts: what they raise or give is told as theirs to mend.

The search ends before such an answer takes effect, so that it goes on from there once it is mended.
"""

from __future__ import annotations

import contextlib
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import Clause, UserError
from orchestrator.horizon import HorizonEstimate
from orchestrator.selection import Keep, ReplaceBy
from search_spaces.errors import SpaceError
from search_spaces.genome import Genome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from orchestrator.horizon import History, HorizonEstimator
    from orchestrator.proposers import Observation, ProposalRequest, Proposer
    from orchestrator.selection import Candidate, Decision, SelectionPolicy
    from search_spaces.space import Space

_REMEDY = "Mend it, then 'masga resume' goes on from here."


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPolicy:
    """A user's selection policy."""

    policy: SelectionPolicy
    where: str
    """Its key in the run file, and its name."""

    def select(
        self,
        candidates: tuple[Candidate, ...],
        *,
        due: frozenset[int],
        generation: int,
        rng: np.random.Generator,
    ) -> dict[int, Decision]:
        """Decide; see `SelectionPolicy.select`."""
        with _blamed(self.where):
            verdicts = self.policy.select(candidates, due=due, generation=generation, rng=rng)
        living = {candidate.member for candidate in candidates if not candidate.failed}
        if not isinstance(verdicts, dict) or verdicts.keys() != due:
            raise _breach(self.where, f"a decision for each of {sorted(due)}", verdicts)
        for member, verdict in verdicts.items():
            match verdict:
                case Keep() if member in living or not living:
                    continue
                case ReplaceBy(donor=donor) if donor in living - {member}:
                    continue
            law = f"Keep, or ReplaceBy another living member, for member {member}"
            raise _breach(self.where, law, verdict)
        return verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnProposer:
    """A user's proposer."""

    proposer: Proposer
    where: str
    """Its key in the run file, and its name."""
    space: Space

    def observe(self, observations: tuple[Observation, ...]) -> None:
        """Learn; see `Proposer.observe`."""
        with _blamed(self.where):
            self.proposer.observe(observations)

    def propose(self, request: ProposalRequest, rng: np.random.Generator) -> Genome:
        """Return a genome; see `Proposer.propose`."""
        with _blamed(self.where):
            genome = self.proposer.propose(request, rng)
        if not isinstance(genome, Genome):
            raise _breach(self.where, "a Genome", genome)
        try:
            self.space.check(genome)
        except SpaceError as error:
            raise _breach(self.where, f"a feasible genome: {error.law}", error.found) from error
        return genome


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEstimator:
    """A user's estimator of the loss at the horizon."""

    estimator: HorizonEstimator
    where: str
    """Its key in the run file, and its name."""

    def estimate(
        self, histories: Sequence[History], *, horizon_tokens: int
    ) -> tuple[HorizonEstimate, ...]:
        """Predict; see `HorizonEstimator.estimate`."""
        with _blamed(self.where):
            estimates = self.estimator.estimate(histories, horizon_tokens=horizon_tokens)
        if (
            not isinstance(estimates, tuple)
            or len(estimates) != len(histories)
            or not all(isinstance(estimate, HorizonEstimate) for estimate in estimates)
        ):
            law = f"a tuple of {len(histories)} HorizonEstimate, one a history"
            raise _breach(self.where, law, estimates)
        return estimates


@contextlib.contextmanager
def _blamed(where: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise UserError(
            where=where,
            law="a plug-in answers every call",
            found=Clause(f"it raised {raised(error)}"),
            remedy=_REMEDY,
        ) from error


def raised(error: Exception) -> str:
    """Return an exception with the line that it comes from, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}".split()) + place


def _breach(where: str, law: str, given: object) -> UserError:
    text = given if isinstance(given, str) else repr(given)
    found = text if len(text) <= 100 else f"{text[:97]}..."
    return UserError(where=where, law=f"a plug-in gives {law}", found=found, remedy=_REMEDY)
