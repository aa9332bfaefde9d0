"""A pair of mixed strategies, its regret, and NashConv (Lanctot et al. 2017, arXiv:1711.00832)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.inputs import check_bimatrix, check_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Equilibrium:
    """A Nash equilibrium of a bimatrix game, up to its regret."""

    row: NDArray[np.float64]  # (m,), on the simplex
    column: NDArray[np.float64]  # (n,), on the simplex
    regret: float
    """The most that one player could still gain by another strategy, in units of payoff."""


def regrets(
    row_payoffs: ArrayLike,  # (m, n)
    column_payoffs: ArrayLike,  # (m, n)
    row: ArrayLike,  # (m,), on the simplex
    column: ArrayLike,  # (n,), on the simplex
) -> tuple[float, float]:
    """Return what each player could gain by its best reply, in units of payoff; never negative."""
    a, b = check_bimatrix(row_payoffs, column_payoffs)
    x = check_state(row, a.shape[0], name="row")
    y = check_state(column, a.shape[1], name="column")
    of_rows, of_columns = a @ y, x @ b
    return (
        max(float(of_rows.max() - x @ of_rows), 0.0),
        max(float(of_columns.max() - of_columns @ y), 0.0),
    )


def nash_conv(
    payoffs: Sequence[NDArray[np.float64]],  # p tensors (a_1, ..., a_p)
    strategies: Sequence[NDArray[np.float64]],  # p vectors (a_i,), on the simplex
) -> float:
    """Return NashConv: what best replies would gain, summed over players; 0 at an equilibrium.

    Args:
        payoffs: One tensor a player; axis i counts the strategies of player i.
        strategies: One mixed strategy a player.

    Raises:
        ValueError: Tensors and strategies do not match, or are not finite.
    """
    tensors = [np.asarray(tensor, dtype=np.float64) for tensor in payoffs]
    shapes = {tensor.shape for tensor in tensors}
    if len(shapes) != 1 or tensors[0].ndim != len(tensors) or len(strategies) != len(tensors):
        raise ValueError(
            f"A game of p players has p payoff tensors of one shape (a_1, ..., a_p) and p "
            f"strategies, but got the shapes {sorted(shapes)} of {len(tensors)} tensors and "
            f"{len(strategies)} strategies. Give one tensor and one strategy a player."
        )
    if not all(np.isfinite(tensor).all() for tensor in tensors):
        raise ValueError(
            "All payoffs must be finite, but got a tensor with NaN or infinity. Measure it again."
        )
    mixed = [
        check_state(strategy, size, name=f"strategies[{player}]")
        for player, (strategy, size) in enumerate(zip(strategies, tensors[0].shape, strict=True))
    ]
    total = 0.0
    for player, tensor in enumerate(tensors):
        of_actions = np.moveaxis(tensor, player, -1)
        for strategy in (s for other, s in enumerate(mixed) if other != player):
            of_actions = np.tensordot(strategy, of_actions, axes=(0, 0))
        # Lanctot et al. 2017, section 2.2: sum_i max_a u_i(a, pi_-i) - u_i(pi)
        total += max(float(of_actions.max() - mixed[player] @ of_actions), 0.0)
    return total
