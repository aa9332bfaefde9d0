"""Payoffs of roles from measured values and interactions of components (DESIGN 4.6).

A game of components of order 2, v(m) = sum_k u_k m_k + sum_{k<l} I_kl m_k m_l, in which role r's
components act at the strength x_r / s_r when the role has the share x_r instead of its present s_r
(Owen 1972, multilinear extension), has the potential b'x + x'A x / 2 with

    b_r = sum_{k in r} u_k / s_r,        A_rq = sum_{k in r, l in q, k != l} I_kl / (s_r s_q)

which at x = s is v of the whole model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.empirical.payoff import EstimatedPayoff, LinearPayoff
from orchestrator.game.inputs import check_state

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def payoff_from_interactions(
    values: ArrayLike,  # (m,), u of each component, nats per token
    interactions: ArrayLike,  # (m, m), I, symmetric; the diagonal is not read
    *,
    roles: ArrayLike,  # (m,), role of each component, 0..n-1
    shares: ArrayLike,  # (n,), present share of each role in the budget, above 0
    value_errors: ArrayLike | None = None,  # (m,)
    interaction_errors: ArrayLike | None = None,  # (m, m)
) -> EstimatedPayoff:
    """Return the payoffs of roles, with errors if those of the measurements are given.

    Args:
        values: First-order values of components (dividends, or k-SII of order 2).
        interactions: Pair interactions of the same kind.
        roles: Role of each component.
        shares: Present shares.
        value_errors: Standard errors of the values, taken as independent; 0 by default.
        interaction_errors: Standard errors of the interactions; 0 by default.

    Raises:
        ValueError: Shapes do not match, a number is not finite, an error is negative, a role has
            no component, or a share is not positive.
    """
    u, pairs = np.asarray(values, dtype=np.float64), np.asarray(interactions, dtype=np.float64)
    m = len(u)
    u_errors = np.zeros(m) if value_errors is None else np.asarray(value_errors, dtype=np.float64)
    pair_errors = (
        np.zeros((m, m))
        if interaction_errors is None
        else np.asarray(interaction_errors, dtype=np.float64)
    )
    role = np.asarray(roles)
    if not (u.shape == u_errors.shape == role.shape and pairs.shape == pair_errors.shape == (m, m)):
        raise ValueError(
            f"Values, errors and roles have one number a component and interactions one a pair, "
            f"but got {u.shape}, {u_errors.shape}, {role.shape}, {pairs.shape} and "
            f"{pair_errors.shape}. Order all by component."
        )
    n = int(np.size(np.asarray(shares)))
    s = check_state(shares, n, name="shares")
    if sorted(set(role.tolist())) != list(range(n)) or s.min() <= 0:
        raise ValueError(
            f"Each of the {n} roles has a component and a share above 0, but got the roles "
            f"{sorted(set(role.tolist()))} and the shares {s.tolist()}. Leave out absent roles."
        )
    if min(u_errors.min(), pair_errors.min()) < 0:
        raise ValueError(
            "Standard errors must not be negative, but some are. Give 0 where a value is exact."
        )
    off = pairs - np.diag(np.diag(pairs))
    if not np.allclose(off, off.T, rtol=1e-9, atol=1e-12):
        raise ValueError(
            "Interactions are symmetric, but got others. Average both measurements of each pair."
        )
    member = (role[:, None] == np.arange(n)) / s  # (m, n): components per unit of share
    payoff = LinearPayoff(constant=u @ member, matrix=member.T @ off @ member)
    return EstimatedPayoff(payoff=payoff, covariance=_covariance(member, u_errors, pair_errors))


def _covariance(
    member: NDArray[np.float64], u_errors: NDArray[np.float64], pair_errors: NDArray[np.float64]
) -> NDArray[np.float64]:
    n = member.shape[1]
    once = np.triu(pair_errors, 1) ** 2
    # Variance of A_rq: each pair counts once between two roles, and twice (kl, lk) within one.
    between = (member**2).T @ (once + once.T) @ member**2
    variance = between + np.diag(np.diag(between))
    return np.diag(np.concatenate([u_errors**2 @ member**2, variance[np.triu_indices(n)]]))
