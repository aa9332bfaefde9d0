"""Winners against each other on the same held-out batches: a paired bootstrap.

All models of a corpus are assessed on the same batches, so the difference of two of them on one
batch is free of what makes the batch hard. The batches are drawn with replacement; the mean
difference is studentized in every resample (the symmetric bootstrap-t: Hall 1988, "On symmetric
bootstrap confidence intervals"; Efron and Tibshirani 1993, chapters 12 and 16), which, unlike the
percentiles of the mean, holds its level with few batches. Interval and p-value come from the same
statistic, so they never contradict each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.randomness import WHOLE_POPULATION, generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.comparing.subject import Subject
    from orchestrator.events import Assessed

RESAMPLES = 9999
LEAST_BATCHES = 6
"""With fewer there are too few different resamples for an interval at the level."""
LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The mean difference of two winners, `a` minus `b`; negative: `a` is better."""

    a: str
    b: str
    batches: int
    """Those that both were assessed on."""
    nats_per_token: float
    bits_per_byte: float
    standard_error: float | None
    """Of the difference in bits per byte; None with one batch."""
    low: float | None
    """Ends of its 95 % interval in bits per byte; None with fewer than `LEAST_BATCHES` batches."""
    high: float | None
    p_value: float | None
    """Two-sided, of no difference on text like the held-out text."""
    p_adjusted: float | None
    """The same with Holm's correction over all pairs of the comparison."""

    @property
    def is_clear(self) -> bool:
        """Whether the difference is significant at 5 % after the correction."""
        return self.p_adjusted is not None and self.p_adjusted <= LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpaired:
    """Two searches whose winners cannot be set against each other, and why."""

    a: str
    b: str
    reason: str


def winner_pairs(subjects: Sequence[Subject]) -> tuple[tuple[Pair, ...], tuple[Unpaired, ...]]:
    """Compare the winners of every two searches that were assessed on the same batches."""
    pairs: list[Pair] = []
    unpaired: list[Unpaired] = []
    for a, b in combinations(subjects, 2):
        reason = _why_not(a, b)
        if reason is None:
            pairs.append(_pair(a, b))
        else:
            unpaired.append(Unpaired(a=a.name, b=b.name, reason=reason))
    return _adjusted(pairs), tuple(unpaired)


def _why_not(a: Subject, b: Subject) -> str | None:
    """Say why two winners were not assessed on the same batches; None: they were."""
    for each in (a, b):
        if "winner" not in each.story.assessed:
            how = "has no winner" if each.is_finished else "has not finished"
            return f"{each.name} {how}: nothing of it was assessed on held-out text"
    for (what, one), (_, other) in zip(_batches(a), _batches(b), strict=True):
        if one != other:
            return f"their {what} differ ({one} and {other})"
    return None


def _batches(subject: Subject) -> tuple[tuple[str, object], ...]:
    """Return what decides the held-out batches, whatever their number."""
    batches = subject.settings.batches
    return (
        ("corpora's digests", batches.corpus_digest),
        ("context lengths", batches.context_length),
        ("sequences in a batch", batches.sequences),
    )


def _pair(a: Subject, b: Subject) -> Pair:
    one, other = a.story.assessed["winner"], b.story.assessed["winner"]
    # the first batches of a corpus are the same, however many were asked for
    batches = min(len(one.losses), len(other.losses))
    differences = np.subtract(one.losses[:batches], other.losses[:batches])
    shorter = one if len(one.losses) == batches else other
    drawn = paired_bootstrap(differences)
    factor = _bits_per_nat(shorter)
    return Pair(
        a=a.name,
        b=b.name,
        batches=batches,
        nats_per_token=float(differences.mean()),
        bits_per_byte=factor * float(differences.mean()),
        standard_error=None if drawn.standard_error is None else factor * drawn.standard_error,
        low=None if drawn.low is None else factor * drawn.low,
        high=None if drawn.high is None else factor * drawn.high,
        p_value=drawn.p_value,
        p_adjusted=None,
    )


def _bits_per_nat(assessed: Assessed) -> float:
    """Return bits per byte over nats per token on these batches: their tokens over their bytes."""
    return assessed.bits_per_byte / assessed.nats_per_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrapped:
    """The mean of paired differences; what too few batches do not allow is None."""

    mean: float
    standard_error: float | None
    low: float | None
    high: float | None
    p_value: float | None


def paired_bootstrap(
    differences: NDArray[np.float64],  # (n batches,), n >= 1
) -> Bootstrapped:
    """Return the mean difference with its 95 % interval and two-sided p-value.

    Raises:
        ValueError: There is no difference.
    """
    n = differences.size
    if n < 1:
        raise ValueError("A paired bootstrap needs at least 1 batch, but got none.")
    mean = float(differences.mean())
    if n < 2:
        return Bootstrapped(mean=mean, standard_error=None, low=None, high=None, p_value=None)
    error = float(differences.std(ddof=1)) / math.sqrt(n)
    if n < LEAST_BATCHES:
        return Bootstrapped(mean=mean, standard_error=error, low=None, high=None, p_value=None)
    if error <= 1e-12 * abs(mean) or error == 0:
        # the differences do not vary: nothing to draw
        certain = 1.0 if mean == 0 else 1 / (RESAMPLES + 1)
        return Bootstrapped(mean=mean, standard_error=error, low=mean, high=mean, p_value=certain)
    rng = generator(0, "held-out batches", 0, WHOLE_POPULATION)
    drawn = differences[rng.integers(0, n, size=(RESAMPLES, n))]
    errors = drawn.std(axis=1, ddof=1) / math.sqrt(n)
    # a resample of one batch only has no error of its own: infinitely far out, whichever way
    far = np.full(RESAMPLES, np.inf)
    np.divide(np.abs(drawn.mean(axis=1) - mean), errors, out=far, where=errors > 0)
    reach = float(np.sort(far)[math.ceil((1 - LEVEL) * (RESAMPLES + 1)) - 1]) * error
    as_far = int((far >= abs(mean) / error).sum())
    return Bootstrapped(
        mean=mean,
        standard_error=error,
        low=mean - reach,
        high=mean + reach,
        p_value=(1 + as_far) / (RESAMPLES + 1),
    )


def _adjusted(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Return the pairs with Holm's correction over those that were tested."""
    tested = [pair.p_value for pair in pairs if pair.p_value is not None]
    if len(tested) > 1:
        from orchestrator.game.participation.strictness import holm  # noqa: PLC0415 - scipy: slow

        adjusted = iter(holm(tested).tolist())
    else:
        adjusted = iter(tested)
    return tuple(
        pair if pair.p_value is None else replace(pair, p_adjusted=next(adjusted)) for pair in pairs
    )
