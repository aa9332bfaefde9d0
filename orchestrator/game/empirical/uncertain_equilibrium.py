"""The equilibrium of an allocation game whose payoffs are uncertain.

The replicator flow from the present shares ends in one equilibrium; it is followed for the
estimated payoffs and for many drawn from their errors (parametric bootstrap, Efron 1979).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.dynamics.exponential_weights import exponential_weights_step
from orchestrator.game.dynamics.stable_states import is_evolutionarily_stable
from orchestrator.game.inputs import check_state

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.empirical.payoff import EstimatedPayoff

_STEPS = 4000
_STILL = 1e-9
_PRESENT = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UncertainEquilibrium:
    """Where the shares go, and how sure that is."""

    state: NDArray[np.float64]  # (n,), on the simplex
    """Equilibrium of the estimated payoffs."""
    is_stable: bool
    """Whether it is an ESS of the estimated payoffs."""
    standard_errors: NDArray[np.float64]  # (n,)
    low: NDArray[np.float64]  # (n,)
    high: NDArray[np.float64]  # (n,)
    """Percentile interval of each share, at the confidence asked for."""
    same_roles: float
    """Share of the draws whose equilibrium keeps the same roles: low means that it is not known
    which roles survive."""


def uncertain_equilibrium(
    estimate: EstimatedPayoff,
    start: ArrayLike,  # (n,), on the simplex, all above 0
    *,
    rng: np.random.Generator,
    draws: int = 200,
    confidence: float = 0.95,
) -> UncertainEquilibrium:
    """Follow the replicator from the present shares, under payoffs drawn from their errors.

    Args:
        estimate: Payoffs with covariance.
        start: Present shares; a role at 0 stays at 0.
        rng: Source of the draws.
        draws: Number of draws, at least 2.
        confidence: Of the intervals, between 0 and 1.

    Raises:
        ValueError: The start is off the simplex, or a number is out of its range.
    """
    n = len(estimate.payoff.constant)
    x = check_state(start, n, name="start")
    if draws < 2 or not 0 < confidence < 1:
        raise ValueError(
            f"`draws >= 2` and `0 < confidence < 1` must hold, but got draws={draws}, "
            f"confidence={confidence}. 200 and 0.95 are usual."
        )
    constants, matrices = estimate.draws(draws, rng)
    constants = np.concatenate([estimate.payoff.constant[None], constants])
    matrices = np.concatenate([estimate.payoff.matrix[None], matrices])
    ends = _followed(constants, matrices, x)
    state, drawn = ends[0], ends[1:]
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    present = x > 0
    within = estimate.payoff.as_matrix()[np.ix_(present, present)]
    return UncertainEquilibrium(
        state=state,
        is_stable=is_evolutionarily_stable(within, state[present]),
        standard_errors=drawn.std(axis=0, ddof=1),
        low=np.asarray(low, dtype=np.float64),
        high=np.asarray(high, dtype=np.float64),
        same_roles=float(np.mean(((drawn > _PRESENT) == (state > _PRESENT)).all(axis=1))),
    )


def _followed(
    constants: NDArray[np.float64],  # (k, n)
    matrices: NDArray[np.float64],  # (k, n, n)
    start: NDArray[np.float64],  # (n,)
) -> NDArray[np.float64]:  # (k, n)
    """Return where each replicator flow ends; steps are short enough to climb its potential."""
    wholes = matrices + constants[:, :, None]
    spread = np.ptp(wholes.reshape(len(wholes), -1), axis=1)
    rates = 1.0 / np.where(spread > 0, spread, 1.0)
    x = np.tile(start, (len(wholes), 1))
    for _ in range(_STEPS):
        payoffs = np.einsum("kij,kj->ki", wholes, x) * rates[:, None]
        moved = exponential_weights_step(x, payoffs, rate=1.0)
        if np.abs(moved - x).max() < _STILL:
            break
        x = moved
    return np.stack([_polished(whole, end) for whole, end in zip(wholes, x, strict=True)])


def _polished(payoffs: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve for the equilibrium on the roles that are left: the flow nears it ever more slowly."""
    support = np.flatnonzero(end > _PRESENT)
    system = payoffs[np.ix_(support, support)]
    system = system - system[:1]
    system[0] = 1.0
    if np.linalg.cond(system) > 1e10:
        return end
    shares = np.linalg.solve(system, np.eye(len(support))[0])
    if shares.min() <= 0 or np.abs(shares - end[support]).max() > 0.05:
        return end
    state = np.zeros_like(end)
    state[support] = shares
    return state
