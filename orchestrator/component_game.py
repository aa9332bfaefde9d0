"""What the game of a member's components came to at the end of an interval, as a value.

The worker measures it on the game split and the report carries it; fitness, proposers and the guard
rail read it. Costs are GFLOPs of training one token, prices nats per token and such a GFLOP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from orchestrator.game.participation import MeasuredMoves, exploitability

if TYPE_CHECKING:
    from orchestrator.events import JSON
    from trainers.measurement.best_reply import BestReply

Place = tuple[str, int, int]
"""Kind (`head` or `ffn`), layer, and head within the layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One component of the whole model, left out."""

    place: Place
    delta: float
    """Rise of the loss without it, nats per token."""
    standard_error: float
    gflops: float
    """GFLOPs of a training token that its absence saves."""

    def surplus(self, *, price: float, margin: float) -> float:
        """Return what it certainly earns beyond its cost, nats per token; < 0: it may not."""
        return self.delta - price * self.gflops - margin * self.standard_error


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentGame:
    """The participation game of one member at a price, and its best reply S*."""

    price: float
    """mu at which replies were sought, nats per token for one GFLOP per training token."""
    margin: float
    """Standard errors by which a move had to pay."""
    removed: tuple[Place, ...]
    """Components that S* does without, in the order in which they were removed."""
    rise: float
    """L(S*) - L(all), nats per token."""
    rise_error: float
    """Standard error of the rise over sequences."""
    saved_gflops: float
    """GFLOPs of a training token that S* saves."""
    measured: tuple[Measured, ...]
    """The components that were left out of the whole model, one by one: those most likely not to
    pay."""
    components: int
    """How many there are."""
    base_loss: float
    """Of the whole model on the game split, nats per token."""
    sequences: int
    evaluations: int
    """Coalitions evaluated, each on all sequences."""
    flops: float
    exploitability: float
    """E over the measured components, nats per token; 0: no removal pays for certain."""
    exploitability_error: float

    def phi_gain(self, price: float) -> float:
        """Return Phi(S*) - Phi(all) at a price, nats per token; 0 where the whole model is better.

        S* was sought at another price where the population's has moved since.
        """
        return max(0.0, price * self.saved_gflops - self.rise)

    def to_json(self) -> dict[str, JSON]:
        """Return plain lists and numbers, for the event log."""
        return {
            "price": self.price,
            "margin": self.margin,
            "removed": [list(place) for place in self.removed],
            "loss_rise": self.rise,
            "loss_rise_se": self.rise_error,
            "saved_gflops": self.saved_gflops,
            "measured": [[*m.place, m.delta, m.standard_error, m.gflops] for m in self.measured],
            "components": self.components,
            "base_loss": self.base_loss,
            "sequences": self.sequences,
            "evaluations": self.evaluations,
            "flops": self.flops,
            "exploitability": self.exploitability,
            "exploitability_se": self.exploitability_error,
        }

    @classmethod
    def from_json(cls, value: dict[str, JSON]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: A key is missing.
        """
        try:
            return cls(
                price=value["price"],
                margin=value["margin"],
                removed=tuple((str(k), int(l), int(i)) for k, l, i in value["removed"]),  # noqa: E741
                rise=value["loss_rise"],
                rise_error=value["loss_rise_se"],
                saved_gflops=value["saved_gflops"],
                measured=tuple(
                    Measured(place=(kind, layer, at), delta=d, standard_error=se, gflops=cost)
                    for kind, layer, at, d, se, cost in value["measured"]
                ),
                components=value["components"],
                base_loss=value["base_loss"],
                sequences=value["sequences"],
                evaluations=value["evaluations"],
                flops=value["flops"],
                exploitability=value["exploitability"],
                exploitability_error=value["exploitability_se"],
            )
        except KeyError as error:
            raise ValueError(f"a component game needs {error}, but it is missing.") from error


def game_of(reply: BestReply, *, price: float, margin: float) -> ComponentGame:
    """Return the game of a model from its measured best reply.

    Args:
        reply: What was measured.
        price: At which the reply was sought.
        margin: Standard errors by which a move had to pay.
    """
    moves = MeasuredMoves(
        worth=reply.delta, standard_errors=reply.standard_errors, costs=price * reply.gflops
    )
    found = exploitability(moves, MeasuredMoves.none(), z=margin)
    return ComponentGame(
        price=price,
        margin=margin,
        removed=tuple((c.kind, c.layer, c.index) for c in reply.removed),
        rise=reply.rise,
        rise_error=reply.rise_error,
        saved_gflops=reply.saved_gflops,
        measured=tuple(
            Measured(
                place=(component.kind, component.layer, component.index),
                delta=float(delta),
                standard_error=float(error),
                gflops=float(gflops),
            )
            for component, delta, error, gflops in zip(
                reply.measured, reply.delta, reply.standard_errors, reply.gflops, strict=True
            )
        ),
        components=reply.components,
        base_loss=reply.base_loss,
        sequences=reply.sequences,
        evaluations=reply.evaluations,
        flops=reply.flops,
        exploitability=found.total,
        exploitability_error=found.standard_error,
    )
