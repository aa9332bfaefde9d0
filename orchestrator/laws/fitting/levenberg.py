"""Levenberg-Marquardt for many small problems at once (Marquardt 1963; Nielsen 1999 damping).

Robust losses start with reweighted least squares and finish with Newton steps: near the optimum of
a Huber loss whose delta is far below the noise, few residuals lie inside it and the reweighted
matrix is no longer the Hessian, so that plain reweighting crawls. The curvature of the law that
Newton needs comes from differences of the analytic Jacobian.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.laws.fitting.losses import L1, Loss, SmoothLoss
from orchestrator.laws.fitting.problem import Problem
from orchestrator.laws.law import Array

# Shapes: B problems, n rows, P parameters.


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """Where the optimizer stopped, for each of B problems."""

    z: Array  # (B, P), coordinates
    objective: Array  # (B,)
    decrement: Array  # (B,), predicted relative gain of one more Newton step, at the end
    iterations: Array  # (B,)
    converged: Array  # (B,), bool
    moved: Array  # (B,), bool: False if no step was ever accepted


def _objective(problem: Problem, residual: Array, loss: Loss) -> Array:
    total = (problem.weights * loss.value(residual)).sum(axis=-1)
    return np.where(np.isfinite(total), total, np.inf)


def _newton_matrix(
    problem: Problem, z: Array, residual: Array, jacobian: Array, loss: SmoothLoss
) -> Array:
    """Exact Hessian (B, P, P): sum w rho'' J J' + sum w psi d2r."""
    psi = problem.weights * loss.influence(residual)
    core = problem.weights * loss.curvature(residual)
    matrix = (jacobian * core[:, None, :]) @ jacobian.transpose(0, 2, 1)
    here = (jacobian @ psi[:, :, None])[:, :, 0]
    for k in range(z.shape[1]):
        step = 1e-6 * np.maximum(1.0, np.abs(z[:, k]))
        shifted = z.copy()
        shifted[:, k] += step
        there = (problem.residuals(shifted)[1] @ psi[:, :, None])[:, :, 0]
        matrix[:, k, :] += (there - here) / step[:, None]
    return 0.5 * (matrix + matrix.transpose(0, 2, 1))


def _solve(
    matrix: Array, gradient: Array, scale: Array, damping: Array, free: Array
) -> tuple[Array, Array]:
    """Damped step (B, P) along the free coordinates, and the Newton decrement g' H^-1 g (B,).

    Negative curvature is turned around, so that the step always descends.
    """
    root = 1.0 / np.sqrt(scale)
    scaled = matrix * root[:, :, None] * root[:, None, :]
    keep = free[:, :, None] & free[:, None, :]
    scaled = np.where(keep, scaled, 0.0) + np.eye(matrix.shape[1]) * (~free)[:, :, None]
    scaled = np.where(np.isfinite(scaled), scaled, 0.0)
    values, vectors = np.linalg.eigh(scaled)
    right = np.where(free, gradient * root, 0.0)
    along = (vectors.transpose(0, 2, 1) @ right[:, :, None])[:, :, 0]
    inside = along / (np.abs(values) + damping[:, None] + 1e-14)
    step = -(vectors @ inside[:, :, None])[:, :, 0] * root
    decrement = (along * along / (np.abs(values) + 1e-12)).sum(axis=1)
    return np.where(free, step, 0.0), decrement


def minimise_smooth(
    problem: Problem,
    start: Array,  # (B, P), coordinates
    loss: SmoothLoss,
    *,
    max_iterations: int = 200,
    tolerance: float = 1e-12,
    newton_after: int = 4,
) -> Minimum:
    """Minimise sum w rho(r) from B starts side by side, within the box.

    A problem is done when one more Newton step would lower the objective by less than a share
    `tolerance` of it, or when damping has grown so far that no step helps (it then counts as
    converged only if that share is below 1e-6). Starts that are not finite stay where they are, unmoved and unconverged.
    """
    count, width = start.shape
    z_all = np.clip(start, problem.low, problem.high)
    objective_all = np.full(count, np.inf)
    decrement_all = np.full(count, np.inf)
    iterations = np.zeros(count, dtype=np.int64)
    converged, moved = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)

    alive = np.arange(count)
    part, z = problem, z_all.copy()
    residual, jacobian = part.residuals(z)
    value = _objective(part, residual, loss)
    objective_all[:] = value
    damping, growth = np.full(count, 1e-2), np.full(count, 2.0)
    steps = np.zeros(count, dtype=np.int64)
    stalls = np.zeros(count, dtype=np.int64)
    matrix = np.empty((count, width, width))
    fresh = np.ones(count, dtype=bool)
    gradient = np.empty((count, width))
    scale = np.empty((count, width))

    def compact(keep: Array) -> None:
        nonlocal alive, part, z, residual, jacobian, value, damping, growth, steps
        nonlocal matrix, fresh, gradient, scale, stalls
        alive, part, z = alive[keep], part.select(keep), z[keep]
        residual, jacobian, value = residual[keep], jacobian[keep], value[keep]
        damping, growth, steps, fresh = damping[keep], growth[keep], steps[keep], fresh[keep]
        matrix, gradient, scale, stalls = matrix[keep], gradient[keep], scale[keep], stalls[keep]

    usable = np.isfinite(value) & np.isfinite(jacobian).all(axis=(1, 2))
    if not usable.all():
        compact(np.flatnonzero(usable))

    for iteration in range(max_iterations):
        if alive.size == 0:
            break
        rows = np.flatnonzero(fresh)
        if rows.size:
            sub = part.select(rows)
            psi = sub.weights * loss.influence(residual[rows])
            gradient[rows] = (jacobian[rows] @ psi[:, :, None])[:, :, 0]
            weighted = jacobian[rows] * (sub.weights * loss.weight(residual[rows]))[:, None, :]
            reweighted = weighted @ jacobian[rows].transpose(0, 2, 1)
            diagonal = np.einsum("bpp->bp", reweighted)
            scale[rows] = np.maximum(diagonal, 1e-12 * diagonal.max(axis=1, keepdims=True) + 1e-300)
            matrix[rows] = reweighted
            late = rows[steps[rows] >= newton_after]
            if late.size and loss.describe() != "half the sum of squares":
                matrix[late] = _newton_matrix(
                    part.select(late), z[late], residual[late], jacobian[late], loss
                )
        at_low = (z <= part.low) & (gradient > 0)
        at_high = (z >= part.high) & (gradient < 0)
        free = ~(at_low | at_high)
        step, decrement = _solve(matrix, gradient, scale, damping, free)
        size = decrement / np.maximum(value, 1e-300)
        small = size < tolerance
        stuck = (damping > 1e12) | (stalls >= 3) | (value <= 1e-28)
        done = small | stuck
        if done.any():
            index = alive[done]
            z_all[index], objective_all[index] = z[done], value[done]
            decrement_all[index], iterations[index] = size[done], steps[done]
            converged[index] = small[done] | (size[done] < 1e-6) | (value[done] <= 1e-28)
            keep = np.flatnonzero(~done)
            compact(keep)
            step, free = step[keep], free[keep]
            if keep.size == 0:
                break
        trial = np.clip(z + step, part.low, part.high)
        taken = trial - z
        new_residual, new_jacobian = part.residuals(trial)
        new_value = _objective(part, new_residual, loss)
        finite = np.isfinite(new_value) & np.isfinite(new_jacobian).all(axis=(1, 2))
        new_value = np.where(finite, new_value, np.inf)
        model = -(gradient * taken).sum(axis=1) - 0.5 * np.einsum(
            "bp,bpq,bq->b", taken, matrix, taken
        )
        gain = value - new_value
        better = gain > 0
        ratio = np.where(better, gain / np.maximum(np.abs(model), 1e-300), 0.0)
        # Nielsen 1999, eq. 2.21 (bounded): shrink by the gain ratio, else grow ever faster.
        shrink = np.maximum(0.1, 1.0 - (2.0 * np.minimum(ratio, 1.5) - 1.0) ** 3)
        damping = np.where(better, np.maximum(damping * shrink, 1e-12), damping * growth)
        damping = np.where(better, damping, np.maximum(damping, 1e-6))
        growth = np.where(better, 2.0, growth * 2.0)
        tiny = better & (gain < 1e-13 * np.maximum(value, 1e-300))
        stalls = np.where(tiny, stalls + 1, np.where(better, 0, stalls))
        z = np.where(better[:, None], trial, z)
        residual = np.where(better[:, None], new_residual, residual)
        jacobian = np.where(better[:, None, None], new_jacobian, jacobian)
        value = np.where(better, new_value, value)
        moved[alive] |= better
        steps += 1
        fresh = better | (steps == newton_after)
        del iteration
    if alive.size:
        z_all[alive], objective_all[alive], iterations[alive] = z, value, steps
    return Minimum(
        z=z_all, objective=objective_all, decrement=decrement_all, iterations=iterations,
        converged=converged, moved=moved,
    )  # fmt: skip


def minimise(problem: Problem, start: Array, loss: Loss, *, max_iterations: int = 200) -> Minimum:
    """Minimise any of the losses; L1 goes through Huber losses that narrow.

    Returns:
        The minimum with the objective of `loss` itself.
    """
    if not isinstance(loss, L1):
        return minimise_smooth(problem, start, loss, max_iterations=max_iterations)
    moved = np.zeros(start.shape[0], dtype=bool)
    z = start
    for stage in loss.stages():
        found = minimise_smooth(problem, z, stage, max_iterations=max_iterations)
        z, moved = found.z, moved | found.moved
    objective = _objective(problem, problem.residuals(z)[0], loss)
    return Minimum(
        z=z, objective=objective, decrement=found.decrement, iterations=found.iterations,
        converged=found.converged, moved=moved,
    )  # fmt: skip
