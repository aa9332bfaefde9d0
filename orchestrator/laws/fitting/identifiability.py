"""What the data do not determine: condition number, correlations, box contacts, profiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.fitting import dispersion
from orchestrator.laws.fitting.levenberg import minimise
from orchestrator.laws.fitting.problem import Problem, to_natural

if TYPE_CHECKING:
    from orchestrator.laws.fitting.losses import Loss
    from orchestrator.laws.law import Array

LARGEST_LOG_ERROR = 1.0
TIED_CORRELATION = 0.95
WEAK_DIRECTION = 100.0
CHI_SQUARE_95 = 3.8414588206941254


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifiability:
    """How well the data pin the parameters down.

    Args:
        condition: Square root of the ratio of the extreme eigenvalues of the curvature, scaled to
            a unit diagonal: the loss of digits through near-collinear parameters.
        correlation: Of the coordinates, (P, P).
        unidentified: Parameters that the data leave open.
        entangled: Groups of parameters that the data hardly tell apart.
        warnings: Sentences with the reason.
    """

    condition: float
    correlation: Array
    unidentified: tuple[str, ...]
    entangled: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Least objective with one parameter held, over a grid.

    `interval` holds where twice the rise of the objective stays below the 95 % point of chi-square;
    an end that the grid does not reach is infinite (zero for a positive parameter's lower end).
    """

    parameter: str
    values: Array  # (G,), natural
    objective: Array  # (G,)
    threshold: float
    interval: tuple[float, float]


def diagnose(
    problem: Problem,
    z: Array,  # (P,)
    jacobian: Array,  # (P, n)
    covariance: Array,  # (P, P)
    *,
    agreement: float,
    converged: bool,
) -> Identifiability:
    """Judge an optimum from its curvature."""
    law = problem.law
    names = law.parameter_names
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    outer = np.outer(errors, errors)
    correlation = np.divide(covariance, outer, out=np.eye(len(names)), where=outer > 0)
    matrix = (jacobian * problem.weights) @ jacobian.T
    root = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    values = np.linalg.eigvalsh(matrix / root[:, None] / root[None, :])
    condition = float(np.sqrt(values[-1] / max(values[0], 1e-30)))
    natural = to_natural(law, z)
    open_ones: list[str] = []
    warnings: list[str] = []
    loose = [
        j
        for j, parameter in enumerate(law.parameters)
        if parameter.scale == "log" and errors[j] > LARGEST_LOG_ERROR
    ]
    for j, parameter in enumerate(law.parameters):
        if z[j] <= problem.low[j] + 1e-9 or z[j] >= problem.high[j] - 1e-9:
            open_ones.append(parameter.name)
            warnings.append(
                f"{parameter.name} = {natural[j]:.4g} lies on the edge of its box: the data do not "
                "bound it."
            )
        elif j in loose:
            open_ones.append(parameter.name)
            warnings.append(
                f"{parameter.name} is not identified: its standard error is a factor of "
                f"{np.exp(min(errors[j], 50)):.3g}{_partner(correlation, j, names)}."
            )
        elif loose and max(abs(correlation[j, k]) for k in loose) > TIED_CORRELATION:
            k = max(loose, key=lambda k: abs(correlation[j, k]))
            open_ones.append(parameter.name)
            warnings.append(
                f"{parameter.name} is not identified: it moves together with {names[k]} "
                f"(correlation {correlation[j, k]:+.4f}), which is open."
            )
    spectrum, directions = np.linalg.eigh(matrix / root[:, None] / root[None, :])
    entangled = []
    for size, direction in zip(spectrum, directions.T, strict=True):
        ratio = float(np.sqrt(spectrum[-1] / max(size, 1e-30)))
        heavy = tuple(names[j] for j in np.argsort(-np.abs(direction)) if abs(direction[j]) > 0.3)
        if ratio > WEAK_DIRECTION and len(heavy) > 1:
            entangled.append(heavy)
            warnings.append(
                f"{', '.join(heavy)} are not separately identified (condition {ratio:.3g}): a "
                "change of one is undone by the others. Read predictions, not these values."
            )
    if agreement < 0.5:
        warnings.append(
            f"only {agreement:.1%} of the starts reach the best objective: other minima are near."
        )
    if not converged:
        warnings.append("the best start stopped before its gradient vanished.")
    return Identifiability(
        condition=condition, correlation=correlation, entangled=tuple(entangled),
        unidentified=tuple(open_ones), warnings=tuple(warnings),
    )  # fmt: skip


def _partner(correlation: Array, j: int, names: tuple[str, ...]) -> str:
    others = np.abs(correlation[j]).copy()
    others[j] = 0
    k = int(np.argmax(others))
    if others[k] < 0.9:
        return ""
    return f" (correlation {correlation[j, k]:+.4f} with {names[k]})"


def profile(
    problem: Problem,
    z: Array,  # (P,), the optimum
    name: str,
    values: Array,  # (G,), natural values, ascending
    loss: Loss,
    *,
    more_starts: Array | None = None,  # (S, P), coordinates
) -> Profile:
    """Refit with one parameter held at each of `values`, all at once.

    Each grid point starts from the optimum (and from `more_starts`); the best counts. The optimum's
    own value joins the grid.
    """
    law = problem.law
    j = law.parameter_names.index(name)
    values = np.unique(np.append(values, to_natural(law, z)[j]))
    held = np.log(values) if law.parameters[j].scale == "log" else values
    origins = z[None] if more_starts is None else np.concatenate([z[None], more_starts])
    grid, count = held.size, len(origins)
    start = np.repeat(origins[None], grid, axis=0)
    start[:, :, j] = held[:, None]
    start = start.reshape(grid * count, -1)
    low = np.tile(problem.low, (grid * count, 1))
    high = np.tile(problem.high, (grid * count, 1))
    low[:, j] = high[:, j] = start[:, j]
    found = minimise(replace(problem, low=low, high=high), start, loss)
    objective = found.objective.reshape(grid, count).min(axis=1)
    residual = problem.residuals(z[None])[0]
    least = float((problem.weights * loss.value(residual)).sum())
    unit = float(dispersion.objective_unit(residual, problem.weights, loss, len(z))[0])
    threshold = min(least, float(objective.min())) + 0.5 * CHI_SQUARE_95 * unit
    inside = np.flatnonzero(objective <= threshold)
    bottom, top = int(inside[0]), int(inside[-1])
    floor = 0.0 if law.parameters[j].scale == "log" else -np.inf
    interval = (
        floor if bottom == 0 else _cross(held, objective, bottom - 1, threshold),
        np.inf if top == grid - 1 else _cross(held, objective, top, threshold),
    )
    if law.parameters[j].scale == "log":
        interval = (
            0.0 if bottom == 0 else float(np.exp(interval[0])),
            float(np.exp(interval[1])) if np.isfinite(interval[1]) else np.inf,
        )
    return Profile(
        parameter=name, values=values, objective=objective, threshold=threshold,
        interval=(float(interval[0]), float(interval[1])),
    )  # fmt: skip


def _cross(x: Array, y: Array, i: int, level: float) -> float:
    """Interpolate where y crosses `level` between grid points i and i + 1."""
    share = (level - y[i]) / (y[i + 1] - y[i])
    return float(x[i] + share * (x[i + 1] - x[i]))
