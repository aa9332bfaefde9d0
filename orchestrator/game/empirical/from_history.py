"""Payoffs of roles from the history of a population: shares tried, outcomes seen.

The potential b'x + x'A x / 2 is fitted to outcomes. On the simplex a quadratic has only
n (n + 1) / 2 free coefficients; Scheffe's canonical form (1958, section 4) keeps b and the pairs of
A, with a zero diagonal. Ridge regression (Hoerl, Kennard 1970); the penalty with the least error on
left-out lineages is chosen, and error bars are those of the matching normal prior (MacKay 1992).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.empirical.payoff import EstimatedPayoff, unpacked
from orchestrator.game.inputs import check_state

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_PENALTIES = np.logspace(-6, 3, 28)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HistoryFit:
    """Payoffs estimated from a history, and how far to trust them."""

    estimate: EstimatedPayoff
    penalty: float
    """Ridge penalty chosen, in units of the variance of the noise over that of the payoffs."""
    residual: float
    """Standard deviation of what is not explained, in units of the outcomes."""
    cross_validated_r2: float
    """Share of the variance explained on lineages left out; 0 or less: the shares say nothing."""


def payoff_from_history(
    shares: ArrayLike,  # (members, n), each on the simplex
    outcomes: ArrayLike,  # (members,), higher is better
    *,
    lineages: ArrayLike,  # (members,), labels
) -> HistoryFit:
    """Fit payoffs to the outcomes of a population.

    Args:
        shares: Shares of the roles in each member's budget.
        outcomes: What each member reached, for example minus its loss in nats per token.
        lineages: Label of each member's lineage: relatives are left out together.

    Raises:
        ValueError: Shapes do not match, a state is off the simplex, an outcome is not finite, or
            there are fewer than 3 lineages.
    """
    y, groups = np.asarray(outcomes, dtype=np.float64), np.asarray(lineages)
    states = np.asarray(shares, dtype=np.float64)
    if states.ndim != 2 or y.shape != groups.shape or y.shape != states.shape[:1]:
        raise ValueError(
            f"Each member has shares, one outcome and one lineage, but got the shapes "
            f"{states.shape}, {y.shape} and {groups.shape}. Leave out members without an outcome."
        )
    if not np.isfinite(y).all():
        raise ValueError(
            f"Outcomes must be finite, but got {int((~np.isfinite(y)).sum())} that are not. Leave "
            f"out members that failed."
        )
    n = states.shape[1]
    x = np.stack([check_state(state, n, name=f"shares[{i}]") for i, state in enumerate(states)])
    names = np.unique(groups)
    if len(names) < 3:
        raise ValueError(
            f"Cross-validation needs at least 3 lineages, but got {len(names)}. Collect more "
            f"history, or measure interactions instead."
        )
    first, second = np.triu_indices(n, 1)
    z = np.hstack([x, x[:, first] * x[:, second]])
    folds = [groups == name for name in names]
    errors = [_left_out_error(z, y, folds, penalty) for penalty in _PENALTIES]
    penalty = float(_PENALTIES[int(np.argmin(errors))])
    baseline = _left_out_error(np.zeros_like(z), y, folds, 1.0)
    theta, inverse, variance = _ridge(z, y, penalty)
    # Scheffe's parameters, spread over (b, upper triangle of A with its diagonal).
    rows, columns = np.triu_indices(n)
    position = np.concatenate([np.arange(n), n + np.flatnonzero(rows != columns)])
    size = n + len(rows)
    parameters, covariance = np.zeros(size), np.zeros((size, size))
    parameters[position] = theta
    parameters[:n] += y.mean()
    covariance[np.ix_(position, position)] = variance * inverse
    covariance[:n, :n] += variance / len(y)
    return HistoryFit(
        estimate=EstimatedPayoff(payoff=unpacked(parameters, n), covariance=covariance),
        penalty=penalty,
        residual=float(np.sqrt(variance)),
        cross_validated_r2=1 - min(errors) / baseline if baseline > 0 else 0.0,
    )


def _ridge(
    z: NDArray[np.float64], y: NDArray[np.float64], penalty: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the coefficients of y minus its mean, (Z'Z + penalty)^-1, and the noise variance."""
    centred = y - y.mean()
    inverse = np.linalg.inv(z.T @ z + penalty * np.eye(z.shape[1]))
    theta: NDArray[np.float64] = inverse @ (z.T @ centred)
    used = float(np.trace(z @ inverse @ z.T))
    variance = float(((centred - z @ theta) ** 2).sum()) / max(len(y) - used, 1.0)
    return theta, np.asarray(inverse, dtype=np.float64), variance


def _left_out_error(
    z: NDArray[np.float64],
    y: NDArray[np.float64],
    folds: list[NDArray[np.bool_]],
    penalty: float,
) -> float:
    """Return the sum of squared errors on lineages that were left out."""
    total = 0.0
    for fold in folds:
        theta, _, _ = _ridge(z[~fold], y[~fold], penalty)
        total += float(((y[fold] - y[~fold].mean() - z[fold] @ theta) ** 2).sum())
    return total
