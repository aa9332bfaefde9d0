"""Truncation selection that copies only where the difference exceeds the noise of evaluation.

All members are evaluated on the same batches, so that what the batches have in common cancels in
the difference of two members: the paired t-test (Student 1908) is far sharper than two separate
standard errors. A copy costs an exploration step and a member's diversity; it is not worth it where
the order of the two is a toss-up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.selection.decision import Candidate, Decision, ReplaceBy, check_call
from orchestrator.selection.equal_tokens import advantage
from orchestrator.selection.settling import settle
from orchestrator.selection.truncation import check_fraction, truncate


@dataclass(frozen=True, slots=True, kw_only=True)
class SignificantTruncation:
    """Truncation, but a copy is made only if the donor is significantly fitter.

    The test is one-sided and has `level` for each comparison (no correction for the number of
    members). What is tested is the difference of *fitness* at equal tokens, whose noise is that of
    the paired batch losses: the other parts of fitness do not depend on the batches drawn. In a
    synchronous population whose fitness is minus the loss this is exactly Student's paired test.
    The error of a horizon's extrapolation is not part of it.
    """

    fraction: float = 0.2
    """Share of the population that may be replaced, and share that donors are drawn from."""
    level: float = 0.05
    """Probability of a copy between two members that are equally good."""

    def __post_init__(self) -> None:
        check_fraction(self.fraction)
        if not 0 < self.level < 0.5:
            raise ValueError(
                f"`0 < level < 0.5` must hold, but got level={self.level}. 0.05 is usual; use the "
                f"policy `truncation` to copy without a test."
            )

    def select(
        self,
        candidates: tuple[Candidate, ...],
        *,
        due: frozenset[int],
        generation: int,  # noqa: ARG002 - asked of every policy
        rng: np.random.Generator,
    ) -> dict[int, Decision]:
        """Decide for the due members; see `SelectionPolicy.select`.

        Raises:
            ValueError: Two living members that are compared were not evaluated on the same number
                of batches, or on fewer than two.
        """
        check_call(candidates, due)
        wishes = truncate(candidates, due=due, fraction=self.fraction, rng=rng)
        by_member = {candidate.member: candidate for candidate in candidates}
        tested: dict[int, Decision] = {}
        for member, wish in wishes.items():
            if not isinstance(wish, ReplaceBy):
                continue
            donor, replaced = by_member[wish.donor], by_member[member]
            if replaced.failed or self._is_significant(
                advantage(donor, replaced), donor=donor, replaced=replaced
            ):
                tested[member] = wish
        return settle(tested, candidates, due=due, rng=rng)

    def _is_significant(self, lead: float, *, donor: Candidate, replaced: Candidate) -> bool:
        return (
            p_value(lead, donor_losses=donor.batch_losses, losses=replaced.batch_losses)
            < self.level
        )


def p_value(
    advantage: float, *, donor_losses: tuple[float, ...], losses: tuple[float, ...]
) -> float:
    """Return the one-sided p-value of a donor's advantage under paired noise.

    Args:
        advantage: Difference of fitness, donor minus the other, nats per token.
        donor_losses: Losses of the donor, one an evaluation batch, nats per token.
        losses: Losses of the other on the same batches.

    Returns:
        Probability of an advantage as large if the two are equally fit: t = advantage / (s_d /
        sqrt(n)) with n - 1 degrees of freedom, s_d the standard deviation of paired differences.
        0 or 1 where the differences do not vary at all.
    """
    if len(donor_losses) != len(losses) or len(losses) < 2:
        raise ValueError(
            f"A paired test needs the same two or more evaluation batches for both members, but "
            f"got {len(donor_losses)} and {len(losses)} batch losses. Evaluate on at least 2 "
            f"batches, or choose the policy `truncation`."
        )
    spread = float(np.std(np.subtract(losses, donor_losses), ddof=1))
    standard_error = spread / math.sqrt(len(losses))
    if standard_error <= 1e-12 * max(1.0, abs(advantage)):
        return 0.0 if advantage > 0 else 1.0
    return float(scipy.stats.t.sf(advantage / standard_error, df=len(losses) - 1))
