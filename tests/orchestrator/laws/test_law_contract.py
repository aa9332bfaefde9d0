"""Every law: metadata, gradient against differences, recovery with honest intervals."""

import zlib

import numpy as np
import pytest

from orchestrator.laws.fitting import dispersion
from orchestrator.laws.fitting.fit import descend, student_quantile
from orchestrator.laws.fitting.losses import L2
from orchestrator.laws.fitting.problem import Problem, make_problem, to_coordinates
from orchestrator.laws.fitting.starts import draw_starts
from orchestrator.laws.forms import FAMILIES, LAWS, law_named

MORE = {name: law_named(name) for name in ("bnsl:2", "data_mixing:5", "regression_mixture:6")}
LISTED = {**LAWS, **MORE}
LAW_LIST = pytest.mark.parametrize("law", LISTED.values(), ids=LISTED.keys())


def design(law, rng, count):
    if law.design is not None:
        return law.design(rng, count)
    columns = []
    for column in law.inputs:
        low, high = column.span
        if column.positive:
            columns.append(np.exp(rng.uniform(np.log(low), np.log(high), count)))
        else:
            columns.append(rng.uniform(low, high, count))
    return tuple(columns)


def truth_of(law):
    return np.array([p.example for p in law.parameters])


def seed_of(law):
    return zlib.crc32(law.name.encode())


@LAW_LIST
def test_law_says_what_it_is(law):
    assert LAWS[law.name] is law or law.name in FAMILIES
    assert "=" in law.formula
    assert "arXiv:" in law.paper
    assert all(p.unit for p in law.parameters)
    assert all(c.unit for c in (*law.inputs, law.output))
    for p in law.parameters:
        assert p.low <= p.start[0] < p.start[1] <= p.high or p.linear
        assert p.low < p.example < p.high
        assert p.scale == "linear" or p.low > 0


@LAW_LIST
def test_gradient_equals_central_differences(law):
    rng = np.random.default_rng(seed_of(law))
    x = design(law, rng, 40)
    truth = truth_of(law)
    gradient = law.gradient(truth, x)
    for j, value in enumerate(truth):
        step = 1e-5 * max(abs(value), 1e-3 if law.parameters[j].scale == "linear" else 1e-300)
        up, down = truth.copy(), truth.copy()
        up[j] += step
        down[j] -= step
        numeric = (law.predict(up, x) - law.predict(down, x)) / (2 * step)
        tolerance = (
            1e-5 * np.abs(gradient[j]).max()
            + 1e-9 * np.abs(law.predict(truth, x)).max() / max(step, 1e-300) * 1e-3
        )
        np.testing.assert_allclose(gradient[j], numeric, rtol=2e-4, atol=tolerance)


@LAW_LIST
def test_batched_prediction_equals_one_by_one(law):
    rng = np.random.default_rng(seed_of(law))
    x = design(law, rng, 30)
    truth = truth_of(law)
    several = truth * (1 + 0.01 * rng.random((3, truth.size)))
    stacked = law.predict(several, x)
    for row, theta in zip(stacked, several, strict=True):
        np.testing.assert_allclose(row, law.predict(theta, x), rtol=1e-12)


@LAW_LIST
def test_fit_finds_the_truth_from_its_own_starts_without_noise(law):
    """With (next to) no noise, the starts alone must lead to a prediction-perfect optimum."""
    rng = np.random.default_rng(seed_of(law))
    x = design(law, rng, 120)
    y = law.predict(truth_of(law), x)
    problem = make_problem(law, x, y)
    found = descend(problem, draw_starts(problem, 81), L2())
    best = found.objective.min() / y.size
    scale = 1.0 if law.residual == "log" else np.var(y)
    assert best < (1e-3 * law.noise) ** 2 * max(scale, 1.0), best
    # at least a tenth of the starts get there
    assert (found.objective / y.size < law.noise**2 * 0.01).mean() >= 0.1


@LAW_LIST
def test_intervals_cover_the_truth(law):
    """Nominal 95 % intervals cover each parameter between 90 and 98 % of 400 synthetic tables."""
    repeats, count = 400, 60 if law.name == "multi_power" else 90
    rng = np.random.default_rng(seed_of(law) + 1)
    x = design(law, rng, count)
    truth = truth_of(law)
    clean = law.predict(truth, x)
    noise = law.noise * rng.standard_normal((repeats, count))
    y = clean * np.exp(noise) if law.residual == "log" else clean + noise
    base = make_problem(law, x, clean)
    problem = Problem(
        law=law, inputs=base.inputs, target=y, weights=base.weights, low=base.low, high=base.high
    )
    z_true = to_coordinates(law, truth)
    found = descend(problem, np.tile(z_true, (repeats, 1)), L2())
    assert found.converged.mean() > 0.98
    residual, jacobian = problem.residuals(found.z)
    tau = dispersion.factor(residual, problem.weights, L2(), truth.size)
    errors = np.sqrt(np.einsum("bpp->bp", dispersion.covariance(jacobian, problem.weights, tau)))
    quantile = student_quantile(0.95, count - truth.size)
    covered = (np.abs(found.z - z_true) <= quantile * errors).mean(axis=0)
    assert ((covered >= 0.90) & (covered <= 0.98)).all(), dict(
        zip(law.parameter_names, covered, strict=True)
    )
