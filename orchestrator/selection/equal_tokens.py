"""Comparison of members at equal tokens: the member ahead is read off its own past curve.

In an asynchronous population a due member meets others that have trained more or less than it has.
Comparing present fitness would favour whoever has trained longest. Each pair is compared at the
smaller of its two token counts, where the curve of the member ahead is interpolated linearly in
the logarithm of tokens. In a synchronous population this is the plain difference.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.selection.ladder import Ladder, curve_to_now

if TYPE_CHECKING:
    from orchestrator.selection.decision import Candidate


def advantage(one: Candidate, other: Candidate) -> float:
    """Return by how much one is the fitter of two at equal tokens; nats per token.

    It is 0 where they are not comparable: the curve of the one ahead begins after the other's
    tokens, or either has failed.
    """
    if one.failed or other.failed:
        return 0.0
    if one.tokens == other.tokens:
        return one.fitness - other.fitness
    if one.tokens < other.tokens:
        return 0.0 - advantage(other, one)
    x, y = curve_to_now(one)
    then = float(np.interp(np.log(max(float(other.tokens), 1.0)), x, y, left=np.nan))
    return 0.0 if np.isnan(then) else then - other.fitness


@lru_cache(maxsize=16)
def _ladder(furthest: int) -> Ladder:
    """Return what remembers populations of so many tokens at most; that changes no answer."""
    del furthest
    return Ladder()


def ranking(
    candidates: tuple[Candidate, ...],
) -> tuple[int, ...]:
    """Return the members, best first, failed members last.

    Comparison at unequal tokens is not transitive, so members are ordered by how many others beat
    them (a draw counts half), which is the order of fitness when all tokens are equal. Members
    beaten equally often come in the order of their number.
    """
    furthest = max((candidate.tokens for candidate in candidates), default=0)
    return _ladder(furthest).order(candidates)
