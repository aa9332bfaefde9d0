"""alpha-Rank (Omidshafiei et al. 2019, arXiv:1903.01373).

Populations of m copies each; in a profile of pure strategies one population's mutant takes over
with probability (ibid., eq. 8)

    rho = (1 - exp(-u)) / (1 - exp(-m u)),    u = alpha (payoff of the mutant - of the resident)

and 1/m for u = 0; the chain steps to it with probability rho / sum_k (|S_k| - 1). The stationary
distribution ranks the profiles. Everything is kept as log rho, and the distribution is found
without cancellation, so that a large alpha does no harm.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.game.dynamics.stationary import stationary_distribution
from orchestrator.game.inputs import DegenerateGameWarning, check_square

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

_LOWEST_LOG = -230.0  # e^-230 = 1e-100: products of three stay above the smallest number


def alpha_rank(
    payoffs: Sequence[NDArray[np.float64]],  # p tensors (a_1, ..., a_p)
    *,
    alpha: float,
    population: int = 50,
) -> NDArray[np.float64]:  # (a_1, ..., a_p), sums to 1
    """Return the alpha-rank mass of every pure profile of a game of p populations.

    Args:
        payoffs: One tensor a player; axis k counts the strategies of player k.
        alpha: Ranking intensity, in 1 / payoff, not negative.
        population: Copies a population, at least 2.

    Raises:
        ValueError: Tensors do not match or are not finite, or a number is out of its range.

    Warns:
        DegenerateGameWarning: Selection is so strong that the order between several sinks of the
            chain lies below 1e-100 a step; the order within each sink is certain.
    """
    tensors = [np.asarray(tensor, dtype=np.float64) for tensor in payoffs]
    shapes = {tensor.shape for tensor in tensors}
    if len(shapes) != 1 or tensors[0].ndim != len(tensors) or 0 in tensors[0].shape:
        raise ValueError(
            f"A game of p players has p payoff tensors of one shape (a_1, ..., a_p), but got "
            f"{len(tensors)} of the shapes {sorted(shapes)}. Use alpha_rank_symmetric for one "
            f"population."
        )
    if not all(np.isfinite(tensor).all() for tensor in tensors):
        raise ValueError(
            "All payoffs must be finite, but got a tensor with NaN or infinity. Measure it again."
        )
    _check(alpha, population)
    shape = tensors[0].shape
    profiles = np.arange(tensors[0].size).reshape(shape)
    sources, targets, logs = [], [], []
    for player, tensor in enumerate(tensors):
        gains = np.moveaxis(tensor, player, -1)
        index = np.moveaxis(profiles, player, -1)
        # Last axes: resident, mutant.
        difference = gains[..., None, :] - gains[..., :, None]
        resident, mutant = np.broadcast_arrays(index[..., :, None], index[..., None, :])
        moved = resident != mutant
        sources.append(resident[moved])
        targets.append(mutant[moved])
        logs.append(_log_fixation(alpha * difference[moved], population))
    mass = _ranked(
        np.concatenate(sources), np.concatenate(targets), np.concatenate(logs), tensors[0].size
    )
    profile_mass: NDArray[np.float64] = mass.reshape(shape)
    return profile_mass


def alpha_rank_symmetric(
    payoffs: ArrayLike,  # (n, n)
    *,
    alpha: float,
    population: int = 50,
) -> NDArray[np.float64]:  # (n,), on the simplex
    """Return the alpha-rank mass of the strategies of one population (ibid., section 2.5).

    A mutant i among residents j earns a_ij, they a_ji.

    Raises:
        ValueError: The payoffs are not square or finite, or a number is out of its range.

    Warns:
        DegenerateGameWarning: As in `alpha_rank`.
    """
    a = check_square(payoffs)
    _check(alpha, population)
    resident, mutant = np.nonzero(~np.eye(a.shape[0], dtype=np.bool_))
    difference = a[mutant, resident] - a[resident, mutant]
    return _ranked(resident, mutant, _log_fixation(alpha * difference, population), a.shape[0])


def _log_fixation(advantage: NDArray[np.float64], population: int) -> NDArray[np.float64]:
    """Return log rho of u: (m-1) min(u, 0) + log((1 - e^-|u|) / (1 - e^-m|u|)), -log m at 0."""
    size = np.abs(advantage)
    neutral = size < 1e-15
    size = np.where(neutral, 1.0, size)
    log_rho = np.log(np.expm1(-size) / np.expm1(-population * size))
    log_rho += (population - 1) * np.minimum(advantage, 0.0)
    return np.asarray(np.where(neutral, -np.log(population), log_rho), dtype=np.float64)


def _ranked(
    source: NDArray[np.int64], target: NDArray[np.int64], log_rho: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    if size == 1:
        return np.ones(1)
    unresolved = log_rho < _LOWEST_LOG
    rates = scipy.sparse.csr_array(
        (np.exp(np.maximum(log_rho, _LOWEST_LOG)), (source, target)), shape=(size, size)
    )
    if unresolved.any():
        kept = ~unresolved
        graph = scipy.sparse.csr_array(
            (np.ones(int(kept.sum())), (source[kept], target[kept])), shape=(size, size)
        )
        count, component = scipy.sparse.csgraph.connected_components(
            graph, directed=True, connection="strong"
        )
        leaves = component[source[kept]] != component[target[kept]]
        sinks = count - len(np.unique(component[source[kept]][leaves]))
        if sinks > 1:
            warnings.warn(
                f"Selection is so strong that the chain has {sinks} sets of profiles which it "
                f"leaves with less than 1e-100 a step; how they share the mass between them is "
                f"not resolved. Lower alpha to compare them.",
                DegenerateGameWarning,
                stacklevel=3,
            )
    return stationary_distribution(rates.toarray())


def _check(alpha: float, population: int) -> None:
    if not 0 <= alpha < np.inf or population < 2:
        raise ValueError(
            f"`0 <= alpha < inf` and `population >= 2` must hold, but got alpha={alpha}, "
            f"population={population}. A large finite alpha gives the limit."
        )
