"""How the equilibrium of the allocation game moves with the size of the model, over members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.empirical import share_trend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.game.empirical import ShareTrend, UncertainEquilibrium

LEAST_ERROR = 0.0025
"""Of a share: 200 draws that all end in the same corner know it no better than half a draw."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SizedEquilibrium:
    """One member, its present shares and the equilibrium of its own game."""

    member: int
    parameters: int
    shares: NDArray[np.float64]  # (3,)
    equilibrium: UncertainEquilibrium


def trend_of(members: Sequence[SizedEquilibrium]) -> ShareTrend | None:
    """Return the shares as lines in log10(parameters); None with fewer than 3 sizes."""
    if len({member.parameters for member in members}) < 3:
        return None
    return share_trend(
        [member.parameters for member in members],
        np.stack([member.equilibrium.state for member in members]),
        np.maximum(
            np.stack([member.equilibrium.standard_errors for member in members]), LEAST_ERROR
        ),
    )
