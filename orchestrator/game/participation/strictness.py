"""Is the model a strict equilibrium of the participation game? Holm's test (Holm 1979).

In a game of many different players an ESS is a strict equilibrium (Selten 1980): every component
present is worth more than its cost, every candidate less. Each is tested one-sidedly; Holm's
step-down correction holds the probability of one false claim or more at the level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.participation.exploitability import MeasuredMoves


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strictness:
    """What the tests say about each component and about the model."""

    present: NDArray[np.float64]  # (n,)
    """Adjusted p-values of `worth = cost or less`: small where a component earns its place."""
    candidates: NDArray[np.float64]  # (m,)
    """Adjusted p-values of `gain = cost or more`: small where a candidate would not pay."""
    level: float
    """Probability of one false claim or more among all, that was asked for."""

    @property
    def attained(self) -> float:
        """The smallest level at which the model would be called a strict equilibrium."""
        return float(max(self.present.max(initial=0.0), self.candidates.max(initial=0.0)))

    @property
    def is_strict(self) -> bool:
        """Whether every claim is significant at the level."""
        return self.attained <= self.level


def strict_equilibrium_test(
    present: MeasuredMoves,
    candidates: MeasuredMoves,
    *,
    level: float = 0.05,
    degrees_of_freedom: int | None = None,
) -> Strictness:
    """Test whether the present model is a strict equilibrium.

    Args:
        present: Components that the model has, at least one among both.
        candidates: Components that it could have.
        level: Probability of one false claim or more, between 0 and 1.
        degrees_of_freedom: Sequences minus 1, for Student's t; many (normal) by default.

    Raises:
        ValueError: There is nothing to test, or a number is out of its range.
    """
    if not 0 < level < 1 or (degrees_of_freedom is not None and degrees_of_freedom < 1):
        raise ValueError(
            f"`0 < level < 1` and `degrees_of_freedom >= 1` must hold, but got level={level}, "
            f"degrees_of_freedom={degrees_of_freedom}. 0.05 is usual."
        )
    if present.worth.size + candidates.worth.size == 0:
        raise ValueError(
            "A test needs at least 1 component, but got none present and no candidate. Measure "
            "the components first."
        )
    margins = np.concatenate([present.worth - present.costs, candidates.costs - candidates.worth])
    errors = np.concatenate([present.standard_errors, candidates.standard_errors])
    safe = np.where(errors > 0, errors, 1.0)
    scores = np.where(errors > 0, margins / safe, np.where(margins > 0, np.inf, -np.inf))
    p = (
        scipy.stats.norm.sf(scores)
        if degrees_of_freedom is None
        else scipy.stats.t.sf(scores, degrees_of_freedom)
    )
    adjusted = holm(p)
    return Strictness(
        present=adjusted[: present.worth.size],
        candidates=adjusted[present.worth.size :],
        level=level,
    )


def holm(
    p_values: ArrayLike,  # (m,), between 0 and 1
) -> NDArray[np.float64]:  # (m,)
    """Return Holm's adjusted p-values: max over the smaller ones of (m - rank) p, at most 1.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            f"p-values are a list of numbers between 0 and 1, but got {p.tolist()}. Check the "
            f"standard errors."
        )
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(p.size, 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
