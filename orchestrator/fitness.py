"""Fitness: minus the loss at the horizon, the price of what the model costs, and the game's terms.

With the game, F = Phi at the member's best reply (DESIGN 4.10): the loss and the cost are those of
the components that would stay. It equals the plain fitness where no move pays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.horizon import HorizonEstimator, PresentLoss, present_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.game_terms import GameEvidence, GameTerms

SUMMANDS = ("loss_present", "horizon_correction", "cost_price")
"""Parts of every fitness; `standard_error` stands beside them and is not summed."""
TERMS = ("best_reply", "remaining_improvement", "nash_average", "guard_rail")
"""Parts that the game adds where the run file asks for it (see `orchestrator.game_terms`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    """A member's fitness with the parts that explain it. Higher is better."""

    value: float
    """Minus the sum of all parts but `standard_error`, nats per token."""
    parts: tuple[tuple[str, float], ...]
    """(name, nats per token), always: loss_present (mean of the selection batches),
    horizon_correction (loss at the horizon less the present one), cost_price, standard_error (of
    the loss at the horizon); and the game's terms where it is played."""
    horizon: str
    """Estimator that gave the correction."""
    horizon_reason: str = ""
    """Why it is not the one asked for; empty if it is."""
    guard_rail: str = ""
    """Whether statistics of the game entered, and why; empty where they were not asked for."""

    def __post_init__(self) -> None:
        names = dict(self.parts)
        if missing := {*SUMMANDS, "standard_error"} - names.keys():
            raise ValueError(f"Fitness carries all its parts, but {sorted(missing)} are missing.")
        if unknown := names.keys() - {*SUMMANDS, *TERMS, "standard_error"}:
            raise ValueError(f"Parts are known by name, but got {sorted(unknown)}.")
        total = -sum(nats for name, nats in self.parts if name != "standard_error")
        if not math.isclose(self.value, total, rel_tol=1e-9, abs_tol=1e-9):
            raise ValueError(
                f"Fitness is minus the sum of its parts but the standard error, but "
                f"value={self.value} and the parts give {total}."
            )

    def part(self, name: str) -> float:
        """Return one part, nats per token; KeyError for a part that fitness does not have."""
        return dict(self.parts)[name]

    def to_json(self) -> dict[str, float | str | dict[str, float]]:
        """Return the fitness as JSON: value, parts, horizon and its reason, the guard rail's."""
        return {
            "value": self.value,
            "parts": dict(self.parts),
            "horizon": self.horizon,
            "horizon_reason": self.horizon_reason,
            **({"guard_rail": self.guard_rail} if self.guard_rail else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """No fitness: the member has failed and is to be replaced."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FitnessRule:
    """How losses and costs become fitness; the run file's `fitness` section."""

    horizon: HorizonEstimator = field(default_factory=PresentLoss)
    """Estimator of the loss at the horizon."""
    nats_per_gflop_per_token: float = 0.0
    """Price mu: nats per token that one more GFLOP per trained token must earn."""
    price_of_front: bool = False
    """The population's front sets the price instead (see `orchestrator.pricing`)."""
    game: GameTerms | None = None
    """What of the components' game enters; none: it is not played."""

    def __post_init__(self) -> None:
        price = self.nats_per_gflop_per_token
        if not (math.isfinite(price) and price >= 0):
            raise ValueError(
                f"`nats_per_gflop_per_token >= 0` must hold, but got {price}. 0 selects on the "
                f"loss alone."
            )

    def score(
        self,
        *,
        batch_losses: Sequence[float],
        curve: Sequence[tuple[int, float]],
        horizon_tokens: int,
        flops_per_token: float,
        price: float | None = None,
        evidence: GameEvidence | None = None,
    ) -> Fitness | Unfit:
        """Return the fitness of one member at the end of an interval.

        Args:
            batch_losses: Loss of each selection batch, nats per token.
            curve: (tokens, loss in nats per token) after each interval, through the ancestors, now
                included; tokens ascend.
            horizon_tokens: Tokens at the end of the member's budget.
            flops_per_token: Training FLOPs of the member's architecture for one token.
            price: mu where the front sets it; the rule's own by default.
            evidence: What is known of the member's game; needed where it is played.

        Returns:
            The fitness, or `Unfit` if a loss is missing or not finite.
        """
        if not batch_losses:
            return Unfit(reason="no evaluation batch has a loss")
        if not all(math.isfinite(loss) for loss in batch_losses):
            return Unfit(reason="the evaluation loss is not finite")
        mu = self.nats_per_gflop_per_token if price is None else price
        present, _ = present_loss(batch_losses)
        estimate = self.horizon.estimate(curve, batch_losses, horizon_tokens=horizon_tokens)
        summands = [
            ("loss_present", present),
            ("horizon_correction", estimate.loss - present),
            ("cost_price", mu * flops_per_token / 1e9),
        ]
        if self.game is not None:
            assert evidence is not None
            summands += self.game.parts(
                evidence,
                price=mu,
                curve=curve,
                batch_losses=batch_losses,
                horizon_tokens=horizon_tokens,
            )
        return Fitness(
            value=-sum(nats for _, nats in summands),
            parts=(*summands, ("standard_error", estimate.standard_error)),
            horizon=estimate.used,
            horizon_reason=estimate.reason,
            guard_rail="" if evidence is None else evidence.guard_rail.reason,
        )
