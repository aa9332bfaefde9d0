"""Levenberg-Marquardt for many small problems at once (Marquardt 1963; Nielsen 1999 damping).

Robust losses start with reweighted least squares and finish with Newton steps: near the optimum of
a Huber loss whose delta is far below the noise, few residuals lie inside it and the reweighted
matrix is no longer the Hessian, so that plain reweighting crawls. The curvature of the law that
Newton needs comes from differences of the analytic Jacobian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.fitting.losses import L1, L2, Loss, SmoothLoss

if TYPE_CHECKING:
    from orchestrator.laws.fitting.problem import Problem
    from orchestrator.laws.law import Array, Booleans, Integers

# Shapes: B problems, n rows, P parameters.

_SMALL_GAIN = 1e-9
"""Steps that lower the objective by less than this share, three in a row, end a start."""
_NEAR = 1e-3
"""Newton steps begin where a step is expected to gain less than this share: close to the end."""
_NOTHING_LEFT = 1e-28
"""An objective so small is zero up to rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """Where the optimizer stopped, for each of B problems."""

    z: Array  # (B, P), coordinates
    objective: Array  # (B,)
    decrement: Array  # (B,), predicted relative gain of one more Newton step, at the end
    iterations: Integers  # (B,)
    converged: Booleans  # (B,)
    moved: Booleans  # (B,): False if no step was ever accepted (fine where it began converged)


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
    matrix: Array, gradient: Array, scale: Array, damping: Array, free: Booleans
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


class _Batch:
    """The problems still running: every array has one row a problem, and all are cut together."""

    def __init__(self, problem: Problem, z: Array, loss: SmoothLoss) -> None:
        count, width = z.shape
        self.problem, self.loss = problem, loss
        self.index: Integers = np.arange(count)
        self.z = z
        self.residual, self.jacobian = problem.residuals(z)
        self.value = _objective(problem, self.residual, loss)
        self.damping, self.growth = np.full(count, 1e-2), np.full(count, 2.0)
        self.steps: Integers = np.zeros(count, dtype=np.int64)
        self.stalls: Integers = np.zeros(count, dtype=np.int64)
        self.fresh: Booleans = np.ones(count, dtype=bool)
        self.decrement = np.full(count, np.inf)
        self.gradient, self.scale = np.empty((count, width)), np.empty((count, width))
        self.matrix = np.empty((count, width, width))

    def keep(self, rows: Integers) -> None:
        """Go on with the given rows only."""
        self.problem = self.problem.select(rows)
        self.index, self.z, self.value = self.index[rows], self.z[rows], self.value[rows]
        self.residual, self.jacobian = self.residual[rows], self.jacobian[rows]
        self.damping, self.growth = self.damping[rows], self.growth[rows]
        self.steps, self.stalls, self.fresh = self.steps[rows], self.stalls[rows], self.fresh[rows]
        self.gradient, self.scale = self.gradient[rows], self.scale[rows]
        self.matrix, self.decrement = self.matrix[rows], self.decrement[rows]

    def linearise(self, newton_after: int) -> None:
        """Update gradient and matrix where the point has moved."""
        rows = np.flatnonzero(self.fresh)
        if rows.size == 0:
            return
        part, loss = self.problem.select(rows), self.loss
        residual, jacobian = self.residual[rows], self.jacobian[rows]
        psi = part.weights * loss.influence(residual)
        self.gradient[rows] = (jacobian @ psi[:, :, None])[:, :, 0]
        weighted = jacobian * (part.weights * loss.weight(residual))[:, None, :]
        reweighted = weighted @ jacobian.transpose(0, 2, 1)
        diagonal = np.einsum("bpp->bp", reweighted)
        floor = 1e-12 * diagonal.max(axis=1, keepdims=True) + 1e-300
        self.scale[rows] = np.maximum(diagonal, floor)
        self.matrix[rows] = reweighted
        near = (self.steps >= newton_after) & (self.decrement < _NEAR)
        late = rows[near[rows]]
        if late.size and not isinstance(loss, L2):
            self.matrix[late] = _newton_matrix(
                self.problem.select(late), self.z[late], self.residual[late],
                self.jacobian[late], loss,
            )  # fmt: skip

    def propose(self) -> tuple[Array, Array]:
        """Return the damped step (B, P) and the relative gain a Newton step would bring (B,)."""
        low, high = self.problem.low, self.problem.high
        held = ((self.z <= low) & (self.gradient > 0)) | ((self.z >= high) & (self.gradient < 0))
        step, decrement = _solve(self.matrix, self.gradient, self.scale, self.damping, ~held)
        self.decrement = decrement / np.maximum(self.value, 1e-300)
        return step, self.decrement

    def advance(self, step: Array) -> Booleans:
        """Try a step; return which problems took it, (B,)."""
        trial = np.clip(self.z + step, self.problem.low, self.problem.high)
        taken = trial - self.z
        residual, jacobian = self.problem.residuals(trial)
        value = _objective(self.problem, residual, self.loss)
        finite = np.isfinite(value) & np.isfinite(jacobian).all(axis=(1, 2))
        value = np.where(finite, value, np.inf)
        model = -(self.gradient * taken).sum(axis=1) - 0.5 * np.einsum(
            "bp,bpq,bq->b", taken, self.matrix, taken
        )
        gain = self.value - value
        better = gain > 0
        ratio = np.where(better, gain / np.maximum(np.abs(model), 1e-300), 0.0)
        # Nielsen 1999, eq. 2.21 (bounded): shrink by the gain ratio, else grow ever faster.
        shrink = np.maximum(0.1, 1.0 - (2.0 * np.minimum(ratio, 1.5) - 1.0) ** 3)
        less = np.maximum(self.damping * shrink, 1e-12)
        self.damping = np.where(better, less, np.maximum(self.damping * self.growth, 1e-6))
        self.growth = np.where(better, 2.0, self.growth * 2.0)
        tiny = better & (gain < _SMALL_GAIN * np.maximum(self.value, 1e-300))
        self.stalls = np.where(tiny, self.stalls + 1, np.where(better, 0, self.stalls))
        self.z = np.where(better[:, None], trial, self.z)
        self.residual = np.where(better[:, None], residual, self.residual)
        self.jacobian = np.where(better[:, None, None], jacobian, self.jacobian)
        self.value = np.where(better, value, self.value)
        self.steps = self.steps + 1
        self.fresh = better
        return np.asarray(better)


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
    converged only if that share is below 1e-6). Starts that are not finite stay where they are,
    unmoved and unconverged.
    """
    count = start.shape[0]
    z = np.clip(start, problem.low, problem.high)
    batch = _Batch(problem, z.copy(), loss)
    objective, decrement = batch.value.copy(), np.full(count, np.inf)
    iterations: Integers = np.zeros(count, dtype=np.int64)
    converged, moved = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)

    def record(rows: Integers, size: Array) -> None:
        index = batch.index[rows]
        z[index], objective[index] = batch.z[rows], batch.value[rows]
        decrement[index], iterations[index] = size, batch.steps[rows]
        converged[index] = (size < 1e-6) | (batch.value[rows] <= _NOTHING_LEFT)

    usable = np.isfinite(batch.value) & np.isfinite(batch.jacobian).all(axis=(1, 2))
    batch.keep(np.flatnonzero(usable))
    for _ in range(max_iterations):
        if batch.index.size == 0:
            break
        batch.linearise(newton_after)
        step, size = batch.propose()
        done = (size < tolerance) | (batch.damping > 1e12) | (batch.stalls >= 3)
        done |= batch.value <= _NOTHING_LEFT
        if done.any():
            record(np.flatnonzero(done), size[done])
            going = np.flatnonzero(~done)
            batch.keep(going)
            step = step[going]
            if going.size == 0:
                break
        better = batch.advance(step)
        moved[batch.index[better]] = True
    if batch.index.size:
        record(np.arange(batch.index.size), np.full(batch.index.size, np.inf))
    return Minimum(
        z=z, objective=objective, decrement=decrement, iterations=iterations, converged=converged,
        moved=moved,
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
