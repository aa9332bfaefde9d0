"""What each component and each layer contributes: Shapley's and Owen's values, within a budget.

Players are heads and feed-forward blocks; the embedding is always present (without it a model says
nothing, so that it would take half of everything). Values are exact where the budget holds all
coalitions that they need, and sampled, with errors, where it does not.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.remembered import Remembered
from orchestrator.game import owen_from_function, shapley, value_table
from orchestrator.game.sampling import Stopping, leverage_shapley

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.game.coalitions import CoalitionMatrix, ValueFunction
    from orchestrator.game.sampling import Estimate

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Credit:
    """Values that add up to v(all) - v(none), nats per token."""

    shapley: NDArray[np.float64]  # (n,)
    shapley_half_widths: NDArray[np.float64]  # (n,)
    """Of the sampling, for all players at once with 95 % confidence; 0 where exact."""
    layers: NDArray[np.float64]  # (layers,)
    """Shapley values of whole layers in the game between layers."""
    layer_half_widths: NDArray[np.float64]  # (layers,)
    owen: NDArray[np.float64] | None  # (n,)
    """Layers as unions: heads and blocks of a layer sum to its value. None: beyond the budget."""
    owen_needs: int
    """Coalitions that Owen's value needs."""
    total: float
    evaluations: int

    @property
    def is_exact(self) -> bool:
        """Whether the Shapley values are exact."""
        return not self.shapley_half_widths.any()


def credit(
    value_function: ValueFunction,
    layer_of: Sequence[int],  # (n,), 0..layers-1
    *,
    budget: int,
    rng: np.random.Generator,
) -> Credit:
    """Share out what the players achieve.

    Args:
        value_function: v for many coalitions of the n players at once.
        layer_of: The layer of each player.
        budget: Most coalitions to evaluate, about.
        rng: Source of the samplers' draws.

    Raises:
        ValueError: The budget does not hold the least sample (4 n + 2), or v is not finite.
    """
    n, layer = len(layer_of), np.asarray(layer_of)
    unions = [np.flatnonzero(layer == at).tolist() for at in range(int(layer.max()) + 1)]
    game = Remembered(value_function)
    needs = _owen_needs([len(union) for union in unions])
    owen: NDArray[np.float64] | None = None
    if needs <= budget:
        game.prefetch(lambda v: owen_from_function(v, unions, n=n))
        owen = owen_from_function(game, unions, n=n)
    by_layer = _between(game, unions, n)
    layers = _values(by_layer, len(unions), budget=budget // 4, rng=rng)
    game.prefetch(lambda v: _values(v, n, budget=budget, rng=copy.deepcopy(rng)))
    players = _values(game, n, budget=budget, rng=rng)
    ends = game(np.stack([np.zeros(n, np.bool_), np.ones(n, np.bool_)]))
    return Credit(
        shapley=players.values,
        shapley_half_widths=players.half_widths,
        layers=layers.values,
        layer_half_widths=layers.half_widths,
        owen=owen,
        owen_needs=needs,
        total=float(ends[1] - ends[0]),
        evaluations=game.evaluations,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Values:
    values: NDArray[np.float64]
    half_widths: NDArray[np.float64]


def _values(
    game: ValueFunction, n: int, *, budget: int, rng: np.random.Generator
) -> _Values | Estimate:
    """Return the Shapley values: exact if the budget holds the table, else sampled."""
    if n <= 20 and 1 << n <= budget:
        return _Values(values=shapley(value_table(game, n)), half_widths=np.zeros(n))
    # A small game is done completely even where that is over the budget of its part.
    least = min(1 << min(n, 40), 4 * n + 2)
    stopping = Stopping(budget=max(budget, least), confidence=CONFIDENCE)
    return leverage_shapley(game, n, stopping=stopping, rng=rng)


def _between(game: ValueFunction, unions: Sequence[Sequence[int]], n: int) -> ValueFunction:
    """Return the game between whole unions."""

    def value(chosen: CoalitionMatrix) -> NDArray[np.float64]:
        members = np.zeros((len(chosen), n), dtype=np.bool_)
        for column, union in enumerate(unions):
            members[:, list(union)] = chosen[:, column, None]
        return game(members)

    return value


def _owen_needs(sizes: Sequence[int]) -> int:
    """Count the coalitions of Owen's value: any of one union with whole others."""
    others = 1 << (len(sizes) - 1)
    # those with none or all of the union inside are coalitions of whole unions, counted once
    return sum(others * ((1 << size) - 2) for size in sizes) + (1 << len(sizes))
