"""What the numbers of a comparison say, in one plain sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.certification.sign_flip import pairs_needed, smallest_p_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.certification.mean_difference import MeanDifference

LEVEL = 0.05
"""Probability of one false claim or more among the comparisons of a certificate."""

Outcome = Literal["holds", "does not hold", "cannot be told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The outcome, and the sentence that says why."""

    outcome: Outcome
    sentence: str


def judge(
    *,
    what: str,
    differences: Sequence[float],
    gain: MeanDifference | None,
    p_value: float | None,
    p_holm: float | None,
    tests: int,
    failures: int,
    reference_failures: int,
    replicates: int,
    level: float,
) -> Judgement:
    """Say whether an arm beats the default genome.

    A training that fails is no result that could be averaged away: an arm that fails more often
    than the default does not hold. Where the pairs are too few for the corrected p-value to reach
    the level, whatever their differences, the answer is that it cannot be told.

    Args:
        what: The arm, as sentences call it.
        differences: Arm minus default, bits per byte, of the pairs that ended well.
        gain: Their mean; none with fewer than two.
        p_value: Of the sign-flip test; none without `gain`.
        p_holm: Corrected over `tests` comparisons.
        tests: Comparisons in the certificate.
        failures: Of the arm's trainings.
        reference_failures: Of the default's.
        replicates: Trainings of each arm.
        level: Probability of a false claim.
    """
    if failures > reference_failures:
        return Judgement(
            outcome="does not hold",
            sentence=f"The win does not hold: {what} failed to train in {failures} of {replicates} "
            f"seeds, the default genome in {reference_failures}.{_so_far(gain)}",
        )
    if gain is None or p_value is None or p_holm is None:
        return Judgement(
            outcome="cannot be told",
            sentence=f"It cannot be told whether {what} beats the default genome: only "
            f"{len(differences)} of {replicates} seeds ended well for both.",
        )
    pairs, without = len(differences), _without(failures, reference_failures, replicates)
    better = sum(d < 0 for d in differences)
    measured = (
        f"{what} has {abs(gain.mean):.4f} bits per byte {'less' if gain.mean < 0 else 'more'} than "
        f"the default genome on held-out text, {gain.confidence:.0%} interval "
        f"{gain.low:+.4f} to {gain.high:+.4f}, better in {better} of {pairs} seeds"
    )
    tested = f"p = {p_value:.3g}, {p_holm:.3g} after Holm's correction over {tests}"
    if p_holm <= level:
        if gain.mean < 0:
            outcome: Outcome = "holds"
            sentence = f"The win holds: trained from scratch, {measured} ({tested}).{without}"
        else:
            outcome = "does not hold"
            sentence = (
                f"The win does not hold, the default genome is BETTER: trained from scratch, "
                f"{measured} ({tested}).{without}"
            )
        return Judgement(outcome=outcome, sentence=sentence)
    smallest = smallest_p_value(pairs)
    if tests * smallest > level:
        needed = pairs_needed(level=level, tests=tests)
        return Judgement(
            outcome="cannot be told",
            sentence=f"It cannot be told with so few seeds: {pairs} pairs give no p-value below "
            f"{smallest:.3g} ({min(1.0, tests * smallest):.3g} after Holm's correction over "
            f"{tests}), however large the difference; {level:g} is asked for. So far {measured} "
            f"({tested}). {needed} seeds can tell.{without}",
        )
    return Judgement(
        outcome="does not hold",
        sentence=f"The win does not hold: trained from scratch with {pairs} seeds, {measured}; "
        f"chance alone gives as much ({tested}).{without}",
    )


def _so_far(gain: MeanDifference | None) -> str:
    if gain is None:
        return ""
    return (
        f" Where both trained, the difference is {gain.mean:+.4f} bits per byte, "
        f"{gain.confidence:.0%} interval {gain.low:+.4f} to {gain.high:+.4f}."
    )


def _without(failures: int, reference_failures: int, replicates: int) -> str:
    if not failures and not reference_failures:
        return ""
    return (
        f" Left out are seeds in which a training failed: {failures} of {replicates} of this arm, "
        f"{reference_failures} of the default genome."
    )
