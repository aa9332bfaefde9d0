"""Fixation probabilities in finite populations, in closed form (Traulsen, Hauert 2009, eq. 1.40).

One mutant i among Z - 1 residents j takes over with probability

    rho_ij = 1 / (1 + sum_{k=1}^{Z-1} prod_{l=1}^{k} T-(l) / T+(l))

where l players are of kind i. Nobody plays against itself: i earns
(a_ii (l-1) + a_ij (Z-l)) / (Z-1) and j earns (a_ji l + a_jj (Z-l-1)) / (Z-1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are heavy: each loads on use

from orchestrator.game.inputs import check_square

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def pairwise_comparison_fixation(
    payoffs: ArrayLike,  # (n, n)
    *,
    population: int,
    intensity: float,
) -> NDArray[np.float64]:  # (n, n): mutant, resident
    """Return fixation probabilities of the pairwise comparison process (Traulsen et al. 2006).

    Imitation follows the Fermi function of the difference of payoffs; the Moran process with
    exponential fitness exp(intensity * payoff) fixes with the same probabilities.

    Args:
        payoffs: Payoff matrix.
        population: Z, at least 2.
        intensity: Of selection, in 1 / payoff, not negative; 0 is neutral drift (1 / Z).

    Returns:
        rho: row mutant, column resident; 1 / Z on the diagonal.

    Raises:
        ValueError: The payoffs are not square or finite, or a number is out of its range.
    """
    a = check_square(payoffs)
    _check(population, intensity)
    z = population
    own, rest = np.diag(a)[:, None], np.diag(a)[None, :]
    # Payoff difference with l mutants: u l + v, so that the sum over l = 1..k has a closed form.
    u = (own - a - a.T + rest) / (z - 1)
    v = (z * a - own - (z - 1) * rest) / (z - 1)
    k = np.arange(z)[:, None, None]
    exponents = -intensity * (u * (k * (k + 1) / 2) + v * k)
    rho: NDArray[np.float64] = np.exp(-scipy.special.logsumexp(exponents, axis=0))
    np.fill_diagonal(rho, 1 / z)
    return rho


def moran_fixation(
    payoffs: ArrayLike,  # (n, n)
    *,
    population: int,
    intensity: float,
) -> NDArray[np.float64]:  # (n, n): mutant, resident
    """Return fixation probabilities of the Moran process (Nowak et al. 2004, eq. 1).

    Fitness is linear, 1 - w + w * payoff with w the intensity of selection.

    Args:
        payoffs: Payoff matrix.
        population: Z, at least 2.
        intensity: w, 0 to 1; small enough that no fitness is negative.

    Raises:
        ValueError: The payoffs are not square or finite, a number is out of its range, or a fitness
            is not positive.
    """
    a = check_square(payoffs)
    _check(population, intensity)
    z = population
    mutants = np.arange(1, z)[:, None, None]  # l of the formula
    of_mutants = (np.diag(a)[:, None] * (mutants - 1) + a * (z - mutants)) / (z - 1)
    of_residents = (a.T * mutants + np.diag(a)[None, :] * (z - mutants - 1)) / (z - 1)
    mutant, resident = (1 - intensity + intensity * f for f in (of_mutants, of_residents))
    lowest = min(float(mutant.min()), float(resident.min()))
    if intensity > 1 or lowest <= 0:
        raise ValueError(
            f"Fitness 1 - w + w * payoff must be positive and w at most 1, but got w={intensity} "
            f"and the smallest fitness {lowest:g}. Lower w, add a constant to all payoffs, or use "
            f"pairwise_comparison_fixation."
        )
    exponents = np.concatenate([np.zeros((1, *a.shape)), np.cumsum(np.log(resident / mutant), 0)])
    rho: NDArray[np.float64] = np.exp(-scipy.special.logsumexp(exponents, axis=0))
    np.fill_diagonal(rho, 1 / z)
    return rho


def rare_mutation_chain(
    fixation: NDArray[np.float64],  # (n, n): mutant, resident
) -> NDArray[np.float64]:  # (n, n), rows sum to 1
    """Return the chain over monomorphic states when mutants are rare (Fudenberg, Imhof 2006).

    From resident j to mutant i with probability rho_ij / (n - 1).
    """
    n = fixation.shape[0]
    chain: NDArray[np.float64] = fixation.T / max(n - 1, 1)
    np.fill_diagonal(chain, 0.0)
    np.fill_diagonal(chain, 1 - chain.sum(axis=1))
    return chain


def _check(population: int, intensity: float) -> None:
    if population < 2 or not 0 <= intensity < np.inf:
        raise ValueError(
            f"`population >= 2` and `0 <= intensity < inf` must hold, but got "
            f"population={population}, intensity={intensity}. Strong selection is a large finite "
            f"intensity."
        )
