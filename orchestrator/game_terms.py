"""The game's terms of fitness, as parts that sum with the loss (DESIGN 4.10); all in nats.

Only Phi at the best reply has a weight of 1. The other terms default to 0: remaining improvement
favours members that are still learning, the Nash average members that are good where the population
is weak. Exploitability is no term: Phi at the best reply has charged waste already. Statistics of
the game enter only by the guard rail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.normal_form import nash_average
from orchestrator.guard_rail import NO_GUARD_RAIL, Correction
from orchestrator.horizon import PowerLaw, present_loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from orchestrator.component_game import ComponentGame
    from orchestrator.horizon import History


@dataclass(frozen=True, slots=True, kw_only=True)
class GameEvidence:
    """What is known of one member's game when it is scored."""

    game: ComponentGame | None
    """None: it could not be measured (before the first price, say)."""
    nash_advantage: float = 0.0
    """Its Nash average less its plain mean over domains, nats per token."""
    guard_rail: Correction = NO_GUARD_RAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class GameTerms:
    """Which terms enter, and with what weight; the run file's `fitness.game`."""

    best_reply: bool = True
    """Judge a member by Phi at its best reply."""
    remaining_improvement: float = 0.0
    """Weight of the fall of the loss that is still to come by the member's own power law."""
    nash_average: float = 0.0
    """Weight of the Nash average over the corpus's sources less their plain mean."""
    guard_rail: bool = False
    """Let statistics of the game correct the loss while they predict finished lineages."""

    def __post_init__(self) -> None:
        for name in ("remaining_improvement", "nash_average"):
            weight = getattr(self, name)
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(
                    f"`{name} >= 0` must hold, but got {weight}. 0 leaves the term out."
                )

    def parts(
        self,
        evidence: GameEvidence,
        *,
        price: float,
        history: History,
        horizon_tokens: int,
    ) -> list[tuple[str, float]]:
        """Return (name, nats per token) of the terms that are asked for; < 0 raises the fitness."""
        found: list[tuple[str, float]] = []
        if self.best_reply:
            gain = 0.0 if evidence.game is None else evidence.game.phi_gain(price)
            found.append(("best_reply", 0.0 - gain))
        if self.remaining_improvement > 0:
            (ahead,) = PowerLaw().estimate([history], horizon_tokens=horizon_tokens)
            still = present_loss(history)[0] - ahead.loss
            found.append(("remaining_improvement", 0.0 - self.remaining_improvement * still))
        if self.nash_average > 0:
            found.append(("nash_average", 0.0 - self.nash_average * evidence.nash_advantage))
        if self.guard_rail:
            found.append(("guard_rail", evidence.guard_rail.nats))
        return found


def nash_advantages(
    domain_losses: Mapping[int, Sequence[float]],  # by member, nats per token on each domain
    *,
    players: Mapping[int, Sequence[float]] | None = None,  # the same of those that play
) -> dict[int, float]:
    """Return each member's Nash average less its plain mean over domains, nats per token.

    The equilibrium plays the domains on which the population is weak, so that a domain that is
    there twice counts once (Balduzzi et al. 2018, arXiv:1806.02643, section 4.2).

    Args:
        domain_losses: Of the members that are rated.
        players: Of the population whose game says what each domain weighs; those that are rated
            by default. All members' losses should be at the same tokens.
    """
    if not domain_losses:
        return {}
    weights = nash_average(_scores(domain_losses if players is None else players)).domain_weights
    scores = _scores(domain_losses)
    advantages = scores @ weights - scores.mean(axis=1)
    return dict(zip(sorted(domain_losses), advantages.tolist(), strict=True))


def _scores(
    domain_losses: Mapping[int, Sequence[float]],
) -> NDArray[np.float64]:  # (members, domains)
    return -np.array([domain_losses[member] for member in sorted(domain_losses)])
