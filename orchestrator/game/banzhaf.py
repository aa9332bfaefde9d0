"""Banzhaf's value, exactly from a value table (Banzhaf 1965; Penrose 1946)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.coalitions import check_values, num_players
from orchestrator.game.semivalues import semivalue

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def banzhaf(values: ArrayLike) -> NDArray[np.float64]:
    """Return every player's Banzhaf value: its mean contribution to a random coalition, (n,).

    It does not sum to v(all) - v(none); it is the value most robust to noise in v (Wang and Jia
    2023, arXiv:2205.15466).

    Args:
        values: Value table by bit mask, (2^n,).

    Raises:
        ValueError: The table is none, or not finite.

    >>> banzhaf([0, 0, 0, 1]).tolist()
    [0.5, 0.5]
    """
    table = check_values(values)
    n = num_players(table)
    return semivalue(table, np.full(n, 2.0 ** (1 - n)))
