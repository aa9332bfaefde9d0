"""The allocation game between roles: attention, feed-forward and embedding (DESIGN 4.6).

All eight coalitions of whole roles are measured. Their k-SII of order 2 (values u, pairs I that add
up to v(all) - v(none)) at the present shares s give the payoffs b_r = u_r / s_r and
A_rq = I_rq / (s_r s_q): see `orchestrator.game.empirical.from_interactions`. All of it is linear in
v, so that the covariance of b and A is that of their values on single sequences.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game import k_sii
from orchestrator.game.dynamics import (
    evolutionarily_stable_states,
    replicator,
    rest_points,
    trajectory,
    within_one_population,
)
from orchestrator.game.empirical import (
    EstimatedPayoff,
    payoff_from_interactions,
    uncertain_equilibrium,
)
from orchestrator.game.empirical.payoff import packed, unpacked
from orchestrator.game.inputs import DegenerateGameWarning, scale_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.game.dynamics import RestPoint
    from orchestrator.game.empirical import UncertainEquilibrium

_GRID = 7
_TIME = 12.0
_MOMENTS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Allocation:
    """Where the shares of the roles would go."""

    shares: NDArray[np.float64]  # (n,), present, of the FLOPs
    estimate: EstimatedPayoff
    equilibrium: UncertainEquilibrium
    """The end of the flow from the present shares, with its errors over sequences."""
    rest_points: tuple[RestPoint, ...]
    stable_states: NDArray[np.float64]  # (k, n)
    """All evolutionarily stable states."""
    has_ties: bool
    """Whether some rest points form continua, which are not listed."""


def allocation(
    losses: NDArray[np.float64],  # (2^n, sequences), nats per token, by mask of the roles
    shares: NDArray[np.float64],  # (n,), present, all above 0
    *,
    rng: np.random.Generator,
) -> Allocation:
    """Find where the shares go from the present ones, and everywhere that they could rest.

    Args:
        losses: Of all coalitions of whole roles, sequence by sequence.
        shares: Of the roles in the FLOPs of a token.
        rng: Source of the draws of the equilibrium's errors.
    """
    estimate = role_payoff(losses, shares)
    matrix = estimate.payoff.as_matrix()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DegenerateGameWarning)
        points = rest_points(matrix)
        stable = evolutionarily_stable_states(matrix)
    return Allocation(
        shares=shares,
        estimate=estimate,
        equilibrium=uncertain_equilibrium(estimate, shares, rng=rng),
        rest_points=points,
        stable_states=stable,
        has_ties=bool(caught),
    )


def role_payoff(
    losses: NDArray[np.float64],  # (2^n, sequences)
    shares: NDArray[np.float64],  # (n,)
) -> EstimatedPayoff:
    """Return the payoffs b + A x of roles with their covariance over sequences."""
    coalitions, sequences = losses.shape
    # The parameters are linear in the values: what each coalition adds to them is found once.
    weights = np.stack([_parameters(unit, shares) for unit in np.eye(coalitions)])
    samples = -losses.T @ weights
    return EstimatedPayoff(
        payoff=unpacked(samples.mean(axis=0), len(shares)),
        covariance=np.atleast_2d(np.cov(samples, rowvar=False)) / sequences,
    )


def _parameters(
    values: NDArray[np.float64],  # (2^n,)
    shares: NDArray[np.float64],  # (n,)
) -> NDArray[np.float64]:
    interactions = k_sii(values, order=2)
    n = len(shares)
    payoff = payoff_from_interactions(
        [interactions.of(role) for role in range(n)],
        interactions.matrix(),
        roles=np.arange(n),
        shares=shares,
    )
    return packed(payoff.payoff)


def flow_lines(
    payoffs: NDArray[np.float64],  # (3, 3)
) -> tuple[NDArray[np.float64], ...]:  # each (moments, 3)
    """Return replicator trajectories from a grid of starts, for a phase portrait."""
    scaled = payoffs / scale_of(payoffs)
    velocity = within_one_population(replicator, scaled)
    inner = [
        np.array([i, j, _GRID - i - j]) / _GRID
        for i in range(1, _GRID - 1)
        for j in range(1, _GRID - i)
    ]
    times = np.linspace(0.0, _TIME, _MOMENTS)
    return tuple(trajectory(velocity, start, times) for start in inner)


def flow_from(
    payoffs: NDArray[np.float64],  # (n, n)
    start: NDArray[np.float64],  # (n,)
) -> NDArray[np.float64]:  # (moments, n)
    """Return the replicator trajectory from one state for so long that it all but rests."""
    scaled = payoffs / scale_of(payoffs)
    times = np.concatenate([[0.0], np.geomspace(0.05, 40 * _TIME, _MOMENTS)])
    return trajectory(within_one_population(replicator, scaled), start, times)
