"""Starting points: a low-discrepancy set, with linear parameters by variable projection.

Variable projection (Golub & Pereyra 1973): where a law is linear in some parameters, their best
values for given exponents are a least-squares solution, so only the exponents need a grid.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.fitting.problem import Problem, to_coordinates

if TYPE_CHECKING:
    from orchestrator.laws.law import Array, Law

_MOST_SUBSETS = 32


def spread(count: int, dimensions: int) -> Array:
    """Spread points evenly over the unit cube, (count, dimensions).

    An additive recurrence on the generalised golden ratio (Roberts 2018): deterministic, and any
    prefix of it is spread evenly too.
    """
    golden = 2.0
    for _ in range(60):
        golden = (1.0 + golden) ** (1.0 / (dimensions + 1))
    steps = golden ** -np.arange(1.0, dimensions + 1.0)
    points: Array = (0.5 + np.outer(np.arange(1.0, count + 1.0), steps)) % 1.0
    return points


def draw_starts(problem: Problem, count: int) -> Array:
    """Make `count` starting points, (count, P), in coordinates.

    Nonlinear parameters are spread over their start ranges; linear ones (of a law that is linear
    in at least one) are then solved for, within their boxes.
    """
    law = problem.law
    lows = to_coordinates(law, np.array([p.start[0] for p in law.parameters]))
    highs = to_coordinates(law, np.array([p.start[1] for p in law.parameters]))
    nonlinear = np.array([not p.linear for p in law.parameters])
    z = np.tile(0.5 * (lows + highs), (count, 1))
    if nonlinear.any():
        unit = spread(count, int(nonlinear.sum()))
        z[:, nonlinear] = lows[nonlinear] + unit * (highs - lows)[nonlinear]
    else:
        z += (spread(count, z.shape[1]) - 0.5) * (highs - lows)
    if not nonlinear.all():
        z = project_linear(problem, z)
    return np.clip(z, problem.low, problem.high)


def project_linear(
    problem: Problem,
    z: Array,  # (B, P), coordinates
) -> Array:
    """Replace the linear parameters by their weighted least-squares values, (B, P).

    Residuals are weighted as the law's residual asks (relative where it is logarithmic). A positive
    parameter that would come out negative is left out of the basis, then set to a small share.
    """
    law = problem.law
    linear = [j for j, p in enumerate(law.parameters) if p.linear]
    plain = replace(problem, law=_identity(law))
    natural = np.array(z)
    for j, parameter in enumerate(law.parameters):
        if parameter.scale == "log":
            natural[:, j] = np.exp(z[:, j])
    natural[:, linear] = 0.0
    offset, jacobian = plain.residuals(natural)
    basis = jacobian[:, linear]  # (B, k, n)
    wanted = -offset  # target minus what the nonlinear part alone predicts
    weight = problem.weights / problem.target**2 if law.residual == "log" else problem.weights
    weight = np.broadcast_to(weight, wanted.shape)
    norm = np.sqrt((basis**2 * weight[:, None, :]).sum(axis=2)) + 1e-300
    basis = basis / norm[:, :, None]
    gram = (basis * weight[:, None, :]) @ basis.transpose(0, 2, 1)
    right = (basis * weight[:, None, :]) @ wanted[:, :, None]
    gram, right = np.nan_to_num(gram), np.nan_to_num(right)[:, :, 0]
    k = len(linear)
    positive = np.array([law.parameters[j].scale == "log" for j in linear])
    best, best_value = np.zeros((z.shape[0], k)), np.full(z.shape[0], np.inf)
    for subset in _subsets(k, positive):
        inner = gram[:, subset][:, :, subset] + 1e-12 * np.eye(len(subset))
        solution = np.linalg.solve(inner, right[:, subset, None])[:, :, 0]
        value = -(solution * right[:, subset]).sum(axis=1)
        fine = ((solution > 0) | ~positive[subset]).all(axis=1) & (value < best_value)
        candidate = np.zeros_like(best)
        candidate[:, subset] = solution
        best = np.where(fine[:, None], candidate, best)
        best_value = np.where(fine, value, best_value)
    typical = np.sqrt((wanted**2 * weight).sum(axis=1, keepdims=True))
    best = np.where(positive & (best <= 0), 1e-3 * typical, best) / norm
    result = np.array(z)
    for column, j in enumerate(linear):
        values = best[:, column]
        result[:, j] = np.log(values) if positive[column] else values
    return result


def _subsets(k: int, positive: Array) -> list[list[int]]:
    """List which linear parameters may be active together, the full set first."""
    choices = [(True, False) if p else (True,) for p in positive]
    if 2 ** int(positive.sum()) > _MOST_SUBSETS:
        return [list(range(k))]
    patterns = product(*choices)
    return [s for p in patterns if (s := [i for i, keep in enumerate(p) if keep])]


def _identity(law: Law) -> Law:
    """Return the law with natural coordinates and plain residuals."""
    parameters = tuple(replace(p, scale="linear") for p in law.parameters)
    return replace(law, parameters=parameters, residual="identity")
