"""Fitness: minus the loss at the horizon, the price of what the model costs, and the game's terms.

With the game, F = Phi at the member's best reply (DESIGN 4.10): the loss and the cost are those of
the components that would stay. It equals the plain fitness where no move pays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.horizon import History, HorizonEstimator, PresentLoss, present_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.events import JSON
    from orchestrator.game_terms import GameEvidence, GameTerms
    from orchestrator.horizon import HorizonEstimate

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

    @classmethod
    def from_json(cls, values: JSON) -> Fitness:
        """Undo `to_json`.

        Raises:
            ValueError: It is not the JSON of a fitness.
        """
        try:
            return cls(
                value=values["value"],
                parts=tuple(values["parts"].items()),
                horizon=values["horizon"],
                horizon_reason=values["horizon_reason"],
                guard_rail=values.get("guard_rail", ""),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"a fitness has its parts, but got {values!r}.") from error

    @property
    def horizon_loss(self) -> float:
        """Loss at the horizon, without price and terms of the game; nats per token."""
        return self.part("loss_present") + self.part("horizon_correction")

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
class Standing:
    """Where a member stands at the end of an interval: what its fitness is made of."""

    batch_losses: tuple[float, ...]
    """Loss of each selection batch, nats per token."""
    curve: tuple[tuple[int, float], ...]
    """(tokens, loss in nats per token) after each interval, through the ancestors, now included;
    tokens ascend."""
    flops_per_token: float
    """Training FLOPs of the member's architecture for one token."""
    learning_rates: NDArray[np.float64] | None = None  # (g,)
    """Along the whole budget, see `History.learning_rates`; None: not known."""
    evidence: GameEvidence | None = None
    """What is known of the member's game; needed where it is played."""

    def unfit(self) -> Unfit | None:
        """Return why there can be no fitness; None if there can."""
        if not self.batch_losses:
            return Unfit(reason="no evaluation batch has a loss")
        if not all(math.isfinite(loss) for loss in self.batch_losses):
            return Unfit(reason="the evaluation loss is not finite")
        return None

    def history(self) -> History:
        """Return what horizon estimators are told."""
        points = np.array(self.curve, dtype=np.float64).reshape(-1, 2)
        return History(
            tokens=points[:, 0],
            losses=points[:, 1],
            learning_rates=self.learning_rates,
            batch_losses=self.batch_losses,
        )


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

    @property
    def looks_ahead(self) -> bool:
        """Whether learning rates to come, and those who are still training, can change a score.

        The present loss is each member's own: nothing else is worked out for it.
        """
        return not isinstance(self.horizon, PresentLoss)

    @property
    def looks_back(self) -> bool:
        """Whether losses before the present one can change a score."""
        return self.looks_ahead or (self.game is not None and self.game.remaining_improvement > 0)

    def score(
        self,
        standings: Sequence[Standing],
        *,
        others: Sequence[Standing] = (),
        horizon_tokens: int,
        price: float | None = None,
    ) -> tuple[Fitness | Unfit, ...]:
        """Return the fitness of members that have finished an interval; they are scored together.

        Args:
            standings: Theirs.
            others: Of the members that are still training (an asynchronous population): estimators
                learn from them, they are not scored.
            horizon_tokens: Tokens at the end of a member's budget.
            price: mu where the front sets it; the rule's own by default.

        Returns:
            One a standing: the fitness, or `Unfit` if a loss is missing or not finite.
        """
        mu = self.nats_per_gflop_per_token if price is None else price
        refused = [standing.unfit() for standing in standings]
        fit = [s for s, unfit in zip(standings, refused, strict=True) if unfit is None]
        told = [s.history() for s in (*fit, *(o for o in others if o.unfit() is None))]
        estimates = self.horizon.estimate(told, horizon_tokens=horizon_tokens) if told else ()
        known = iter(zip(told, estimates, strict=True))
        return tuple(
            self._one(standing, *next(known), mu=mu, horizon_tokens=horizon_tokens)
            if unfit is None
            else unfit
            for standing, unfit in zip(standings, refused, strict=True)
        )

    def _one(
        self,
        standing: Standing,
        history: History,
        estimate: HorizonEstimate,
        *,
        mu: float,
        horizon_tokens: int,
    ) -> Fitness:
        evidence = standing.evidence
        present, _ = present_loss(history)
        summands = [
            ("loss_present", present),
            ("horizon_correction", estimate.loss - present),
            ("cost_price", mu * standing.flops_per_token / 1e9),
        ]
        if self.game is not None:
            assert evidence is not None
            summands += self.game.parts(
                evidence, price=mu, history=history, horizon_tokens=horizon_tokens
            )
        return Fitness(
            value=-sum(nats for _, nats in summands),
            parts=(*summands, ("standard_error", estimate.standard_error)),
            horizon=estimate.used,
            horizon_reason=estimate.reason,
            guard_rail="" if evidence is None else evidence.guard_rail.reason,
        )
