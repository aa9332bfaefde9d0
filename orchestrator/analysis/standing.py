"""Does every component earn its place at the price of its resources (DESIGN 4.5)?

Only removals are measured: what a component that the model has not would gain, nobody knows before
it is trained. The verdict is therefore on the components present.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.game.participation import (
    MeasuredMoves,
    exploitability,
    price_from_front,
    strict_equilibrium_test,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.game.participation import Exploitability, Strictness
    from trainers.measurement import LeaveOneOut

Verdict = Literal["earns its place", "undecided", "does not pay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceOfFlops:
    """What a FLOP per token costs, and where that is from."""

    nats_per_flop: float
    """Nats per token for one FLOP per token of the forward pass."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """Each component present at the price, and the model as a whole."""

    price: PriceOfFlops
    costs: NDArray[np.float64]  # (n,), nats per token
    exploitability: Exploitability
    strictness: Strictness
    verdicts: tuple[Verdict, ...]


def standing(
    measured: LeaveOneOut,
    flops_per_token: NDArray[np.float64],  # (n,), of the components measured
    price: PriceOfFlops,
    *,
    z: float = 2.0,
    level: float = 0.05,
) -> Standing:
    """Judge the components present.

    Args:
        measured: Leave-one-out of all of them.
        flops_per_token: What each uses.
        price: Of a FLOP.
        z: Margin of the exploitability in standard errors.
        level: Probability of one false claim or more.
    """
    costs = price.nats_per_flop * flops_per_token
    present = MeasuredMoves(
        worth=measured.delta, standard_errors=measured.standard_error, costs=costs
    )
    nothing = MeasuredMoves.none()
    exploited = exploitability(present, nothing, z=z)
    strict = strict_equilibrium_test(
        present, nothing, level=level, degrees_of_freedom=measured.sequences - 1
    )
    verdicts: list[Verdict] = []
    for saved, p in zip(exploited.by_present, strict.present, strict=True):
        if saved > 0:
            verdicts.append("does not pay")
        else:
            verdicts.append("earns its place" if p <= level else "undecided")
    return Standing(
        price=price,
        costs=costs,
        exploitability=exploited,
        strictness=strict,
        verdicts=tuple(verdicts),
    )


def price_of_population(
    flops_per_token: Sequence[float], losses: Sequence[float], *, at: float
) -> PriceOfFlops:
    """Return the price at which a population buys loss with FLOPs; 0, and why, if it does not."""
    try:
        price = price_from_front(flops_per_token, losses, at=at)
    except ValueError as error:
        return PriceOfFlops(nats_per_flop=0.0, source=f"0, for the population gives none. {error}")
    return PriceOfFlops(
        nats_per_flop=price.value,
        source=f"the slope of the front of {len(losses)} members (cost, loss), "
        f"{len(price.front)} of them on it",
    )
