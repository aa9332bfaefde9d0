"""All that an analysis finds, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.analysis.allocation import Allocation
    from orchestrator.analysis.credit import Credit
    from orchestrator.analysis.history import GenerationShares
    from orchestrator.analysis.sizes import SizedEquilibrium
    from orchestrator.analysis.standing import Standing
    from orchestrator.game.empirical import ShareTrend
    from trainers.measurement import (
        Components,
        IntegratedGradient,
        LeaveOneOut,
        PairInteractions,
        Spent,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The everyday utilities that training has measured, nats per token."""

    mean: NDArray[np.float64]  # (n,)
    error: NDArray[np.float64]  # (n,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Findings:
    """What is known of the game of one model's components."""

    name: str
    """The model."""
    text: str
    """What it was measured on."""
    parameters: int
    components: Components
    leave_one_out: LeaveOneOut
    """Of all components."""
    gradient: IntegratedGradient
    """Of all that can play: heads and feed-forward blocks."""
    credit: Credit
    """Of the same players."""
    pairs: PairInteractions
    """Of the same players, or the most valuable of them."""
    standing: Standing
    allocation: Allocation
    proxies: Proxies | None
    """None: training has not measured them."""
    history: tuple[GenerationShares, ...]
    """Empty for a model of no search."""
    sizes: tuple[SizedEquilibrium, ...]
    """Members of other sizes beside this one; empty for a model of no search."""
    trend: ShareTrend | None
    notes: tuple[str, ...]
    """What was done otherwise than could be expected, for the reader."""
    spent: Spent
    seconds: float
