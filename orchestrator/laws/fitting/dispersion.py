"""The spread of M-estimates from one fit (Huber 1981, ch. 7), before any bootstrap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.fitting.losses import L1, L2, Loss

if TYPE_CHECKING:
    from orchestrator.laws.law import Array

# Shapes: B problems, n rows, P parameters.


def factor(
    residual: Array,  # (B, n)
    weights: Array,  # (n,) or (B, n)
    loss: Loss,
    width: int,
) -> Array:
    """Return tau^2 (B,) with covariance = tau^2 (J'WJ)^-1: E[psi^2] / E[psi']^2.

    For L2 that is the residual variance on n - P degrees of freedom. For Huber and L1 losses whose
    delta is far below the noise, E[psi'] is a density at zero and is estimated over the window
    where half a robust standard deviation of the residuals lies.
    """
    count = (np.broadcast_to(weights, residual.shape) > 0).sum(axis=1)
    degrees = np.maximum(count - width, 1)
    match loss:
        case L2():
            return np.asarray((weights * residual**2).sum(axis=1) / degrees)
        case L1():
            delta = loss.smallest_delta
        case _:
            delta = loss.delta
    spread = 1.4826 * np.median(np.abs(residual), axis=1)
    window = np.maximum(delta, 0.5 * spread)[:, None]
    inside = (np.abs(residual) < window).mean(axis=1)
    slope = np.maximum(inside, 1.0 / residual.shape[1]) * delta / window[:, 0]
    psi = np.clip(residual, -delta, delta)
    square = (psi**2).sum(axis=1) / degrees
    return np.asarray(square / slope**2)


def objective_unit(residual: Array, weights: Array, loss: Loss, width: int) -> Array:
    """Return c (B,) such that 2 (F - F_min) / c is about chi-square for one parameter.

    For an M-estimate that is E[psi^2] / E[psi'] (Huber 1981, section 7.10).
    """
    tau = factor(residual, weights, loss, width)
    match loss:
        case L2():
            return tau
        case L1():
            delta = loss.smallest_delta
        case _:
            delta = loss.delta
    spread = 1.4826 * np.median(np.abs(residual), axis=1)
    window = np.maximum(delta, 0.5 * spread)
    slope = np.maximum((np.abs(residual) < window[:, None]).mean(axis=1), 1.0 / residual.shape[1])
    slope = slope * delta / window
    unit = tau * slope
    return np.asarray(unit / delta if isinstance(loss, L1) else unit)


def covariance(
    jacobian: Array,  # (B, P, n)
    weights: Array,  # (n,) or (B, n)
    tau: Array,  # (B,)
) -> Array:
    """Covariance of the coordinates, (B, P, P); infinite variance where J'WJ is singular."""
    weighted = jacobian * np.broadcast_to(weights, (jacobian.shape[0], jacobian.shape[2]))[:, None]
    matrix = weighted @ jacobian.transpose(0, 2, 1)
    root = np.sqrt(np.maximum(np.einsum("bpp->bp", matrix), 1e-300))
    scaled = matrix / root[:, :, None] / root[:, None, :]
    values, vectors = np.linalg.eigh(np.nan_to_num(scaled))
    inverse = (vectors / np.maximum(values, 1e-15)[:, None, :]) @ vectors.transpose(0, 2, 1)
    result: Array = tau[:, None, None] * inverse / root[:, :, None] / root[:, None, :]
    return result


def autocorrelation(
    residual: Array,  # (n,)
    clusters: Array,  # (n,), labels; rows of a label in order of time
) -> float:
    """Correlation of neighbouring residuals within clusters, between 0 and 0.98.

    An autoregression of first order: n correlated points count as n (1 - rho)/(1 + rho).
    """
    order = np.argsort(clusters, kind="stable")
    r, labels = residual[order] - residual.mean(), clusters[order]
    same = labels[1:] == labels[:-1]
    if same.sum() < 10:
        return 0.0
    first, second = r[:-1][same], r[1:][same]
    size = np.sqrt((first**2).sum() * (second**2).sum())
    return float(np.clip((first * second).sum() / max(size, 1e-300), 0.0, 0.98))
