"""Fit a law to a table: many starts, how many agree, and what the data do not determine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.laws.fitting import dispersion
from orchestrator.laws.fitting.identifiability import Identifiability, diagnose
from orchestrator.laws.fitting.levenberg import Minimum, minimise, minimise_smooth
from orchestrator.laws.fitting.losses import L2, Huber, Loss
from orchestrator.laws.fitting.problem import Problem, make_problem, to_coordinates, to_natural
from orchestrator.laws.fitting.starts import draw_starts
from orchestrator.laws.fitting.starts import spread as spread_evenly

if TYPE_CHECKING:
    from orchestrator.laws.law import Array, Law

STARTS = 81
AGREEMENT_TOLERANCE = 1e-6
_WARM_ITERATIONS = 10
_EXPLORERS = 24


class FitFailed(ValueError):  # noqa: N818 - names what happened
    """No start of a fit moved, or none reached a finite objective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted law with what a reader needs to judge it.

    Args:
        law: The law, without parameters that were held.
        problem: The rows and weights it was fitted to.
        loss: What was minimised.
        z: Optimum in coordinates, (P,).
        objective: Its loss, summed over the rows.
        covariance: Of the coordinates, (P, P), from the curvature at the optimum.
        starts: How many starting points were tried.
        agreement: Share of the starts that reached the objective within 1e-6 of the best.
        converged: Whether the best start met the gradient test.
        identifiability: Condition number, correlations and warnings.
        autocorrelation: Of neighbouring residuals within clusters; `covariance` is widened for it.
    """

    law: Law
    problem: Problem
    loss: Loss
    z: Array
    objective: float
    covariance: Array
    starts: int
    agreement: float
    converged: bool
    identifiability: Identifiability
    autocorrelation: float = 0.0

    @property
    def theta(self) -> Array:
        """Natural parameters, (P,)."""
        return to_natural(self.law, self.z)

    @property
    def parameters(self) -> dict[str, float]:
        """Natural parameters by name."""
        return dict(zip(self.law.parameter_names, map(float, self.theta), strict=True))

    @property
    def residuals(self) -> Array:
        """Residuals at the optimum, (n,)."""
        return np.asarray(self.problem.residuals(self.z[None])[0][0])

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard errors of the natural parameters, by the delta method."""
        errors = np.sqrt(np.diag(self.covariance))
        factors = [
            value if p.scale == "log" else 1.0
            for p, value in zip(self.law.parameters, self.theta, strict=True)
        ]
        return dict(zip(self.law.parameter_names, map(float, errors * factors), strict=True))

    def interval(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Intervals of the natural parameters from the curvature (symmetric in coordinates)."""
        half = student_quantile(level, self.degrees_of_freedom) * np.sqrt(np.diag(self.covariance))
        low, high = to_natural(self.law, self.z - half), to_natural(self.law, self.z + half)
        return {
            name: (float(a), float(b))
            for name, a, b in zip(self.law.parameter_names, low, high, strict=True)
        }

    @property
    def num_points(self) -> int:
        """Rows with a weight above zero."""
        return int(np.count_nonzero(self.problem.weights))

    @property
    def degrees_of_freedom(self) -> int:
        """Points minus parameters, at least one."""
        return max(self.num_points - len(self.law.parameters), 1)

    def predict(self, inputs: tuple[Array, ...]) -> Array:
        """Predict at new inputs, (m,)."""
        return self.law.predict(self.theta, inputs)

    def information(self) -> tuple[float, float]:
        """AIC and BIC: under Gaussian residuals for L2, Laplace ones for Huber and L1."""
        r, n = self.residuals, self.num_points
        k = len(self.law.parameters) + 1
        weights = self.problem.weights
        if isinstance(self.loss, L2):
            minus_two_log = n * (np.log(2 * np.pi * np.sum(weights * r**2) / n) + 1)
        else:
            minus_two_log = 2 * n * (np.log(2 * np.sum(weights * np.abs(r)) / n) + 1)
        return float(minus_two_log + 2 * k), float(minus_two_log + k * np.log(n))


def student_quantile(level: float, degrees: int) -> float:
    """Two-sided quantile of Student's t."""
    from scipy.special import stdtrit  # noqa: PLC0415 - heavy, loaded on use

    return float(stdtrit(degrees, 0.5 + level / 2))


def fit(
    law: Law,
    inputs: tuple[Array, ...],  # each (n,)
    target: Array,  # (n,)
    *,
    loss: Loss | None = None,
    weights: Array | None = None,
    starts: int | Array = STARTS,
    clusters: Array | None = None,
) -> Fit:
    """Fit a law from many starts at once.

    Every start first descends the sum of squares for a few iterations, then the asked-for loss;
    the neighbourhood of the best is then searched once more.

    Args:
        law: The law.
        inputs: Its columns, in its order and units.
        target: The output column.
        loss: Huber with delta 1e-3 where not given.
        weights: One a row; one each where not given.
        starts: How many, or natural parameter vectors (B, P) to start from.
        clusters: A label a row, (n,): rows of one training curve share it and stand in order of
            time. Residuals then correlate, and standard errors are widened for it.

    Raises:
        ValueError: Fewer rows than parameters.
        FitFailed: No start moved or none has a finite objective.
    """
    loss = Huber() if loss is None else loss
    problem = make_problem(law, inputs, target, weights)
    rows = int(np.count_nonzero(problem.weights))
    if rows < len(law.parameters):
        message = (
            f"A fit of law {law.name} needs at least as many points as parameters "
            f"({len(law.parameters)}), but got {rows}."
        )
        raise ValueError(message)
    if isinstance(starts, int):
        first = draw_starts(problem, starts)
    else:
        first = to_coordinates(law, np.atleast_2d(starts))
    found = descend(problem, first, loss)
    found = explore(problem, found, loss)
    return conclude(problem, found, loss, clusters, starts=len(first))


def descend(problem: Problem, first: Array, loss: Loss) -> Minimum:
    """Run all starts (B, P): the sum of squares for a few iterations, then `loss`."""
    if isinstance(loss, L2):
        return minimise_smooth(problem, first, loss)
    warm = minimise_smooth(problem, first, L2(), max_iterations=_WARM_ITERATIONS)
    found = minimise(problem, warm.z, loss, max_iterations=100)
    return Minimum(
        z=found.z, objective=found.objective, decrement=found.decrement,
        iterations=found.iterations + warm.iterations, converged=found.converged,
        moved=found.moved | warm.moved,
    )  # fmt: skip


def explore(problem: Problem, found: Minimum, loss: Loss) -> Minimum:
    """Restart around the best optimum, within three standard deviations of it.

    A robust loss whose delta is far below the noise has many shallow minima near its best; starts
    from afar fall into one of them. Results are appended to `found`.
    """
    best = int(np.argmin(np.where(found.moved | found.converged, found.objective, np.inf)))
    if isinstance(loss, L2) or not np.isfinite(found.objective[best]):
        return found
    z = found.z[best]
    residual, jacobian = problem.residuals(z[None])
    tau = dispersion.factor(residual, problem.weights, L2(), z.size)
    spread = dispersion.covariance(jacobian, problem.weights, tau)[0]
    values, vectors = np.linalg.eigh(spread)
    widths = np.minimum(np.sqrt(np.maximum(values, 0.0)), 1.0)
    unit = 6.0 * (spread_evenly(min(_EXPLORERS, found.objective.size), z.size) - 0.5)
    around = np.clip(z + (unit * widths) @ vectors.T, problem.low, problem.high)
    more = minimise(problem, around, loss, max_iterations=100)
    return Minimum(
        z=np.concatenate([found.z, more.z]),
        objective=np.concatenate([found.objective, more.objective]),
        decrement=np.concatenate([found.decrement, more.decrement]),
        iterations=np.concatenate([found.iterations, more.iterations]),
        converged=np.concatenate([found.converged, more.converged]),
        moved=np.concatenate([found.moved, more.moved]),
    )


def conclude(
    problem: Problem,
    found: Minimum,
    loss: Loss,
    clusters: Array | None = None,
    *,
    starts: int | None = None,
) -> Fit:
    """Choose the best minimum, count agreement, and diagnose what is not determined.

    Agreement is counted over the first `starts` minima: those of the starts themselves.
    """
    law = problem.law
    starts = found.objective.size if starts is None else starts
    value = np.where(found.moved | found.converged, found.objective, np.inf)
    if not np.isfinite(value).any():
        message = (
            f"law {law.name}: none of {starts} starts moved from where it began, so there is "
            "no fit. Check units and start ranges."
        )
        raise FitFailed(message)
    best = int(np.argmin(value))
    least = float(value[best])
    agree = value[:starts] <= least * (1 + AGREEMENT_TOLERANCE) + 1e-24
    z = found.z[best]
    residual, jacobian = problem.residuals(z[None])
    tau = dispersion.factor(residual, problem.weights, loss, len(law.parameters))
    rho = 0.0 if clusters is None else dispersion.autocorrelation(residual[0], clusters)
    spread = dispersion.covariance(jacobian, problem.weights, tau)[0] * (1 + rho) / (1 - rho)
    return Fit(
        law=law, problem=problem, loss=loss, z=z, objective=least, covariance=spread,
        starts=starts, agreement=float(agree.mean()), converged=bool(found.converged[best]),
        identifiability=diagnose(
            problem, z, jacobian[0], spread,
            agreement=float(agree.mean()), converged=bool(found.converged[best]),
        ),
        autocorrelation=rho,
    )  # fmt: skip
