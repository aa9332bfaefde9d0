"""Rate-of-improvement selection, FIRE-PBT (Dalibard & Jaderberg 2021, arXiv:2109.13800).

Plain selection prefers protocols that pay at once, such as a learning rate that falls too early.
FIRE lets some members, the *parents*, train without that pressure: a parent is judged by how fast
its weights improve when an *evaluator* trains a copy of them with the greedy protocol of the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.selection.decision import Candidate, Decision, ReplaceBy, check_call
from orchestrator.selection.equal_tokens import ranking
from orchestrator.selection.improvement import race, rates
from orchestrator.selection.settling import settle
from orchestrator.selection.truncation import check_fraction, extremes, truncate

if TYPE_CHECKING:
    import numpy as np

    from orchestrator.selection.improvement import Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class ImprovementRate:
    """Greedy members, patient parents, and an evaluator for each parent.

    Taken from the paper: the three roles; the greedy sub-population runs truncation on fitness; an
    evaluator copies the weights of its parent and trains with the protocol of the best greedy
    member; parents are ranked by their evaluators' rates of improvement (curves laid over each
    other at equal fitness) and run truncation on that; an evaluator that improves significantly
    faster than the best greedy member (sign test) hands its weights to it.

    Not taken: more than one tier of parents; evaluators that serve a queue of parents (here each
    parent has its own, so that the policy needs no memory: an evaluator starts afresh every
    `evaluation_generations`); early stopping of hopeless evaluators and the test level that
    tightens during an evaluation; smoothing of curves by a Gaussian process (one point an interval,
    on fixed batches, is smooth; curves are linear between points); the rule that a greedy
    member's curve starts at its last copy (its curve here runs through its ancestors). The
    architecture travels with the weights. A population of fewer than four members is greedy.

    Members hold their roles by number: greedy first, then parents, then evaluators.
    """

    fraction: float = 0.25
    """Share of the greedy members, and of the parents, that is replaced."""
    parent_share: float = 0.25
    """Share of the population that are parents; as many again are evaluators."""
    evaluation_generations: int = 4
    """Generations after which parents are ranked and an evaluator starts afresh from its parent."""
    level: float = 0.1
    """Level of the sign test by which an evaluator's weights go to the best greedy member. With one
    point an interval, `2 ** -evaluation_generations` must be below it (the paper, with many points
    an evaluation, uses 0.01)."""

    def __post_init__(self) -> None:
        check_fraction(self.fraction)
        if not 0 < self.parent_share <= 1 / 3:
            raise ValueError(
                f"`0 < parent_share <= 1/3` must hold, but got parent_share={self.parent_share}. "
                f"Parents and evaluators are equally many, and greedy members must remain."
            )
        if self.evaluation_generations < 1 or 2.0**-self.evaluation_generations >= self.level:
            raise ValueError(
                f"`2 ** -evaluation_generations < level` must hold, or no evaluator can succeed, "
                f"but got evaluation_generations={self.evaluation_generations} and "
                f"level={self.level}. Evaluate for longer or raise the level."
            )
        if self.level >= 0.5:
            raise ValueError(f"`level < 0.5` must hold, but got level={self.level}.")

    def select(
        self,
        candidates: tuple[Candidate, ...],
        *,
        due: frozenset[int],
        generation: int,  # noqa: ARG002 - each candidate carries its own count
        rng: np.random.Generator,
    ) -> dict[int, Decision]:
        """Decide for the due members; see `SelectionPolicy.select`."""
        check_call(candidates, due)
        ordered = tuple(sorted(candidates, key=lambda candidate: candidate.member))
        num_parents = int(self.parent_share * len(ordered)) if len(ordered) >= 4 else 0
        num_greedy = len(ordered) - 2 * num_parents
        greedy = ordered[:num_greedy]
        parents = ordered[num_greedy : num_greedy + num_parents]
        evaluators = ordered[num_greedy + num_parents :]
        wishes = truncate(greedy, due=due, fraction=self.fraction, rng=rng)
        fittest = ranking(greedy)[0]
        champion = next(candidate for candidate in greedy if candidate.member == fittest)
        handed = self._handover(champion, evaluators, due=due)
        wishes.update(handed)
        wishes.update(self._parents(parents, evaluators, due=due, rng=rng))
        # An evaluator whose weights are taken stays as it is, or they would be gone.
        taken = {wish.donor for wish in handed.values()}
        for parent, evaluator in zip(parents, evaluators, strict=True):
            afresh = evaluator.generation % self.evaluation_generations == 0 or evaluator.failed
            if afresh and evaluator.member in due and evaluator.member not in taken:
                wishes[evaluator.member] = ReplaceBy(
                    parent.member, protocol_of=champion.member, explore=False
                )
        return settle(wishes, candidates, due=due, rng=rng)

    def _handover(
        self, champion: Candidate, evaluators: tuple[Candidate, ...], *, due: frozenset[int]
    ) -> dict[int, ReplaceBy]:
        if champion.failed or champion.member not in due:
            return {}
        races = [
            (race(self._stretch(evaluator), champion.curve), evaluator)
            for evaluator in evaluators
            if not evaluator.failed and self._is_evaluating(evaluator)
        ]
        winners = [
            (result.lead, -evaluator.member)
            for result, evaluator in races
            if result.lead > 0 and result.p_value < self.level
        ]
        if not winners:
            return {}
        donor = -max(winners)[1]
        return {champion.member: ReplaceBy(donor, protocol_of=champion.member, explore=False)}

    def _parents(
        self,
        parents: tuple[Candidate, ...],
        evaluators: tuple[Candidate, ...],
        *,
        due: frozenset[int],
        rng: np.random.Generator,
    ) -> dict[int, Decision]:
        judged = [
            (parent, evaluator)
            for parent, evaluator in zip(parents, evaluators, strict=True)
            if not parent.failed and not evaluator.failed and self._is_evaluating(evaluator)
        ]
        rate = rates(tuple(self._stretch(evaluator) for _, evaluator in judged))
        by_rate = sorted(range(len(judged)), key=lambda i: (-rate[i], judged[i][0].member))
        best, worst = extremes(by_rate, fraction=self.fraction)
        wishes: dict[int, Decision] = {}
        for i in worst:
            parent = judged[i][0]
            donor = best[int(rng.integers(len(best)))]
            at_the_end = parent.generation % self.evaluation_generations == 0
            if parent.member in due and at_the_end and rate[donor] > rate[i]:
                wishes[parent.member] = ReplaceBy(judged[donor][0].member)
        return wishes

    def _intervals(self, evaluator: Candidate) -> int:
        """Return the intervals of the present evaluation, `evaluation_generations` at its end."""
        return (evaluator.generation - 1) % self.evaluation_generations + 1

    def _is_evaluating(self, evaluator: Candidate) -> bool:
        """Return whether the evaluator has been given a parent's weights yet."""
        return evaluator.generation > self.evaluation_generations

    def _stretch(self, evaluator: Candidate) -> Curve:
        return evaluator.curve[-self._intervals(evaluator) - 1 :]
