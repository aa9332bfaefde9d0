"""The certificate: every arm and seed on held-out text, each arm beside the default genome."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.certification.judgement import LEVEL, Judgement, judge
from orchestrator.certification.mean_difference import MeanDifference, mean_difference
from orchestrator.certification.plan import REFERENCE, Arm, ArmName
from orchestrator.certification.planning import TOLD
from orchestrator.certification.sign_flip import sign_flip_p_value
from orchestrator.game.participation import holm
from search_spaces.gpt.cost import count_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.certification.plan import Plan
    from orchestrator.certification.tally import Tally
    from orchestrator.events import JSON, Assessed


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What the trainings of an arm came to, one a seed."""

    arm: Arm
    what: str
    digest: str
    """12 hex of its last genome."""
    parameters: int
    """Of its last genome."""
    bits_per_byte: tuple[float | None, ...]
    """On held-out text; none where the training failed."""
    failures: tuple[str | None, ...]
    """Why a training failed; none where it did not."""

    @property
    def name(self) -> ArmName:
        """The arm's name."""
        return self.arm.name

    @property
    def mean(self) -> float | None:
        """Mean of those that ended well."""
        well = [value for value in self.bits_per_byte if value is not None]
        return statistics.fmean(well) if well else None

    @property
    def standard_deviation(self) -> float | None:
        """Over those that ended well; none with fewer than two."""
        well = [value for value in self.bits_per_byte if value is not None]
        return statistics.stdev(well) if len(well) > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """An arm minus the default genome, in bits per byte: negative is better."""

    name: ArmName
    differences: tuple[float | None, ...]
    """One a seed; none where either training failed."""
    gain: MeanDifference | None
    """None with fewer than two pairs."""
    p_value: float | None
    """Two-sided, of the exact sign-flip test."""
    p_holm: float | None
    """The same after Holm's correction over the arms."""
    text_standard_error: float | None
    """Of the mean difference over the held-out batches: how far other text might move it."""
    judgement: Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a finished certification says."""

    search: dict[str, JSON]
    plan: Plan
    notes: tuple[str, ...]
    heldout_batches: int
    arms: tuple[Trained, ...]
    comparisons: tuple[Compared, ...]

    @property
    def verdict(self) -> str:
        """The sentence about the winner's genome."""
        of_winner = next((c for c in self.comparisons if c.name == "winner"), None)
        if of_winner is None:
            return "There is no win to certify: the winner's genome is the default genome."
        return of_winner.judgement.sentence


def certificate_of(tally: Tally) -> Certificate:
    """Draw up the certificate of a finished certification.

    Raises:
        ValueError: Trainings are still open.
    """
    if tally.started is None or tally.plan is None or not tally.finished:
        raise ValueError(
            "A certificate needs every training to have ended, but some are open. Go on with it."
        )
    plan = tally.plan
    members = {
        arm.name: [plan.member(replicate=r, arm=at) for r in range(plan.replicates)]
        for at, arm in enumerate(plan.arms)
    }
    arms = tuple(_trained(tally, arm, members[arm.name]) for arm in plan.arms)
    states = {
        name: [tally.assessed.get(member) for member in numbers]
        for name, numbers in members.items()
    }
    others = [arm for arm in arms if arm.name != REFERENCE]
    pairs = {
        arm.name: [
            (a, b)
            for a, b in zip(states[arm.name], states[REFERENCE], strict=True)
            if a is not None and b is not None
        ]
        for arm in others
    }
    p_values = {
        name: sign_flip_p_value([a.bits_per_byte - b.bits_per_byte for a, b in paired])
        for name, paired in pairs.items()
        if len(paired) > 1
    }
    corrected = dict(zip(p_values, holm(list(p_values.values())).tolist(), strict=True))
    reference = next(arm for arm in arms if arm.name == REFERENCE)
    comparisons = []
    for arm in others:
        differences = tuple(
            None if a is None or b is None else a - b
            for a, b in zip(arm.bits_per_byte, reference.bits_per_byte, strict=True)
        )
        there = [d for d in differences if d is not None]
        gain = mean_difference(there) if len(there) > 1 else None
        comparisons.append(
            Compared(
                name=arm.name,
                differences=differences,
                gain=gain,
                p_value=p_values.get(arm.name),
                p_holm=corrected.get(arm.name),
                text_standard_error=text_standard_error(pairs[arm.name]),
                judgement=judge(
                    what=TOLD[arm.name],
                    differences=there,
                    gain=gain,
                    p_value=p_values.get(arm.name),
                    p_holm=corrected.get(arm.name),
                    tests=len(others),
                    failures=sum(f is not None for f in arm.failures),
                    reference_failures=sum(f is not None for f in reference.failures),
                    replicates=plan.replicates,
                    level=LEVEL,
                ),
            )
        )
    return Certificate(
        search=tally.started.search,
        plan=plan,
        notes=tally.started.notes,
        heldout_batches=max((len(s.losses) for s in tally.assessed.values()), default=0),
        arms=arms,
        comparisons=tuple(comparisons),
    )


def text_standard_error(pairs: Sequence[tuple[Assessed, Assessed]]) -> float | None:
    """Return the standard error over held-out batches of the mean difference, bits per byte.

    The seeds share the held-out text, so their spread does not tell what other text would do; the
    spread over batches of the difference, averaged over the seeds, does.
    """
    if not pairs:
        return None
    by_batch = np.mean(
        [
            np.subtract(_bits(a), _bits(b))  # (batches,)
            for a, b in pairs
        ],
        axis=0,
    )
    return float(by_batch.std(ddof=1)) / math.sqrt(by_batch.size) if by_batch.size > 1 else None


def _bits(state: Assessed) -> list[float]:
    """Return the losses of the batches in bits per byte, by the text's mean bytes per token."""
    factor = state.bits_per_byte / state.nats_per_token
    return [factor * loss for loss in state.losses]


def _trained(tally: Tally, arm: Arm, members: Sequence[int]) -> Trained:
    states = [tally.assessed.get(member) for member in members]
    return Trained(
        arm=arm,
        what=TOLD[arm.name],
        digest=arm.genome.digest,
        parameters=count_parameters(arm.genome.architecture),
        bits_per_byte=tuple(None if s is None else s.bits_per_byte for s in states),
        failures=tuple(tally.failures.get(member) for member in members),
    )
