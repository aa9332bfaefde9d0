"""The exact paired sign-flip test (Fisher 1935, The Design of Experiments, section 21).

If the two ways of a pair are the same, each difference had as well come with the other sign: the
sum of the differences is compared with the sums under all 2^n choices of signs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MOST_PAIRS = 40
"""Two halves of 2^20 sums each are counted against each other."""
_ROUNDING = 1e-9
"""Sums that differ by so little, relative to the sum of all magnitudes, are equal."""


def sign_flip_p_value(
    differences: ArrayLike,  # (n,)
) -> float:
    """Return the two-sided p-value: the share of sign choices with a sum at least as far from 0.

    The test is exact: under symmetric differences P(p <= x) <= x for every x. With n pairs no
    p-value is below `smallest_p_value(n)`.

    Args:
        differences: Of 1 to 40 pairs.

    Raises:
        ValueError: There are fewer or more, or one is not finite.

    >>> sign_flip_p_value([-1.0, -2.0, -3.0]), sign_flip_p_value([1.0, -2.0])
    (0.25, 1.0)
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or not 1 <= d.size <= MOST_PAIRS or not np.isfinite(d).all():
        raise ValueError(
            f"differences are 1 to {MOST_PAIRS} finite numbers, but got {d.tolist()}. Leave out "
            "pairs without a result."
        )
    reach = abs(float(d.sum())) - _ROUNDING * float(np.abs(d).sum())
    if reach <= 0:
        return 1.0
    left, right = _sums(d[: d.size // 2]), np.sort(_sums(d[d.size // 2 :]))
    above = right.size - np.searchsorted(right, reach - left, side="left")
    below = np.searchsorted(right, -reach - left, side="right")
    return float((above.sum() + below.sum()) / 2.0**d.size)


def smallest_p_value(pairs: int) -> float:
    """Return the smallest two-sided p-value that so many pairs can give: 2^-(n-1).

    >>> [smallest_p_value(n) for n in (1, 2, 5)]
    [1.0, 0.5, 0.0625]
    """
    return 2.0 ** -(pairs - 1)


def pairs_needed(*, level: float, tests: int) -> int:
    """Return how many pairs let each of `tests` p-values, Holm-corrected, reach the level.

    >>> pairs_needed(level=0.05, tests=3), pairs_needed(level=0.05, tests=1)
    (7, 6)
    """
    return next(n for n in range(1, 1000) if tests * smallest_p_value(n) <= level)


def _sums(
    d: NDArray[np.float64],  # (n,)
) -> NDArray[np.float64]:  # (2^n,)
    """Return the sums of all choices of signs."""
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    return sums
