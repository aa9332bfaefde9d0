"""The mean of paired differences with Student's interval (Student 1908, Biometrika 6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanDifference:
    """A mean with an interval that holds the true one with the confidence asked for."""

    mean: float
    low: float
    high: float
    confidence: float


def mean_difference(
    differences: ArrayLike,  # (n,), n >= 2
    *,
    confidence: float = 0.95,
) -> MeanDifference:
    """Return the mean difference with its interval; exact for normal differences.

    Raises:
        ValueError: There are fewer than two differences, or the confidence is no share.
    """
    from scipy import stats  # noqa: PLC0415 - a second

    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or d.size < 2 or not 0 < confidence < 1:
        raise ValueError(
            "`2 differences or more` and `0 < confidence < 1` must hold, but got "
            f"{d.tolist()} and confidence={confidence}. Use more seeds."
        )
    mean = float(d.mean())
    error = float(d.std(ddof=1)) / math.sqrt(d.size)
    half = float(stats.t.ppf((1 + confidence) / 2, d.size - 1)) * error
    return MeanDifference(mean=mean, low=mean - half, high=mean + half, confidence=confidence)
