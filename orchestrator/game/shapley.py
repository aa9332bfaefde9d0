"""Shapley's value, exactly from a value table (Shapley 1953, eq. 12)."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.coalitions import check_values, num_players
from orchestrator.game.semivalues import semivalue

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def shapley(values: ArrayLike) -> NDArray[np.float64]:
    """Return every player's Shapley value, shape (n,); it sums to v(all) - v(none).

    Args:
        values: Value table by bit mask, (2^n,).

    Raises:
        ValueError: The table is none, or not finite.

    >>> shapley([0, 1, 1, 4]).tolist()
    [2.0, 2.0]
    """
    table = check_values(values)
    n = num_players(table)
    # Shapley 1953, eq. 12: gamma(s) = s! (n-s-1)! / n! = 1 / (n C(n-1, s))
    return semivalue(table, np.array([1 / (n * comb(n - 1, s)) for s in range(n)]))
