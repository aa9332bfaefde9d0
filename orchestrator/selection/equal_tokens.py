"""Comparison of members at equal tokens: the member ahead is read off its own past curve.

In an asynchronous population a due member meets others that have trained more or less than it has.
Comparing present fitness would favour whoever has trained longest. Each pair is compared at the
smaller of its two token counts, where the curve of the member ahead is interpolated linearly in
the logarithm of tokens. In a synchronous population this is the plain difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.selection.decision import Candidate


def advantages(
    candidates: tuple[Candidate, ...],
) -> NDArray[np.float64]:  # (n, n)
    """Return fitness differences of all pairs at equal tokens.

    A pair is not comparable, and its entry 0, when the curve of the member ahead begins after the
    other's tokens, or when either has failed.

    Returns:
        (n, n), antisymmetric, finite; entry [i, j] > 0: candidate i is the fitter. Nats per token.
    """
    n = len(candidates)
    alive = np.array([not candidate.failed for candidate in candidates], dtype=bool)
    tokens = np.array([candidate.tokens for candidate in candidates], dtype=np.float64)
    fitness = np.array([0.0 if candidate.failed else candidate.fitness for candidate in candidates])
    if len(set(tokens[alive].tolist())) <= 1:
        difference = fitness[:, None] - fitness[None, :]
        return np.where(alive[:, None] & alive[None, :], difference, 0.0)
    past = np.full((n, n), np.nan)  # past[i, j]: fitness of i when it had the tokens of j
    for i, candidate in enumerate(candidates):
        if alive[i]:
            past[i] = _fitness_at(candidate, tokens)
    behind = tokens[:, None] <= tokens[None, :]  # (n, n), i has trained no more than j
    difference = np.where(behind, fitness[:, None] - past.T, past - fitness[None, :])
    equal = tokens[:, None] == tokens[None, :]
    difference = np.where(equal, fitness[:, None] - fitness[None, :], difference)
    comparable = alive[:, None] & alive[None, :] & np.isfinite(difference)
    return np.where(comparable, difference, 0.0)


def _fitness_at(
    candidate: Candidate,
    tokens: NDArray[np.float64],  # (n,)
) -> NDArray[np.float64]:  # (n,), NaN outside the curve
    points = [point for point in candidate.curve if point[0] < candidate.tokens]
    x = np.log(np.maximum([*(point[0] for point in points), candidate.tokens], 1.0))
    y = np.array([*(point[1] for point in points), candidate.fitness])
    at = np.log(np.maximum(tokens, 1.0))
    return np.asarray(np.interp(at, x, y, left=np.nan, right=np.nan), dtype=np.float64)


def ranking(
    candidates: tuple[Candidate, ...],
) -> tuple[int, ...]:
    """Return the members, best first, failed members last.

    Comparison at unequal tokens is not transitive, so members are ordered by how many others beat
    them (a draw counts half), which is the order of fitness when all tokens are equal. Members
    beaten equally often come in the order of their number.
    """
    difference = advantages(candidates)
    beaten = (difference < 0).sum(axis=1) + 0.5 * (difference == 0).sum(axis=1)
    order = sorted(
        range(len(candidates)),
        key=lambda i: (candidates[i].failed, float(beaten[i]), candidates[i].member),
    )
    return tuple(candidates[i].member for i in order)
