"""Besiroglu et al. 2024 (arXiv:2404.10102): their fit, their standard errors, their caveats."""

from pathlib import Path

import numpy as np
import pytest

from orchestrator.laws.fitting.bootstrap import bootstrap
from orchestrator.laws.fitting.fit import fit
from orchestrator.laws.fitting.identifiability import profile
from orchestrator.laws.fitting.losses import L1, Huber
from orchestrator.laws.forms.chinchilla import BESIROGLU, HOFFMANN, LAW
from orchestrator.laws.planning.envelope import plan_envelope
from orchestrator.laws.planning.isoflop import plan_isoflop
from orchestrator.laws.planning.parametric import plan_parametric, tokens_per_parameter
from orchestrator.laws.planning.plan import disagreement
from orchestrator.laws.planning.sensitivity import sensitivity, tied_parameters
from orchestrator.laws.reading import read_table

POINTS = Path("tests/data/laws/chinchilla_besiroglu2024/points.csv")


@pytest.fixture(scope="module")
def points():
    return read_table(str(POINTS))


@pytest.fixture(scope="module")
def used(points):
    kept = points.keep(points.columns["used_in_reference_fit"] == 1, "reference fit")
    assert len(kept) == 240
    return kept


def columns(table):
    return (table.columns["N"], table.columns["D"]), table.columns["loss"]


@pytest.fixture(scope="module")
def fitted(used):
    inputs, loss = columns(used)
    return fit(LAW, inputs, loss, loss=Huber(delta=1e-3))


@pytest.fixture(scope="module")
def resampled(fitted, used, points):
    """The published bootstrap: 4,000 draws of the 240 rows by the legacy generator, seed 42."""
    state = np.random.RandomState(42)
    kept = np.flatnonzero(points.columns["used_in_reference_fit"] == 1)
    draws = np.stack([state.choice(kept, size=240, replace=True) for _ in range(4000)])
    place = np.cumsum(points.columns["used_in_reference_fit"] == 1) - 1
    return bootstrap(fitted, resamples=4000, rng=np.random.default_rng(0), draws=place[draws])


def test_huber_optimum(fitted):
    p = fitted.parameters
    assert fitted.objective <= 0.0010182741
    assert p["A"] == pytest.approx(477.82, abs=0.1)
    assert p["B"] == pytest.approx(2143.4, abs=1.0)
    assert p["E"] == pytest.approx(1.81722, abs=5e-6)
    assert p["alpha"] == pytest.approx(0.347310, abs=2e-6)
    assert p["beta"] == pytest.approx(0.367173, abs=2e-6)
    assert fitted.agreement >= 0.95
    assert fitted.converged


def test_l1_optimum(used):
    """The paper prints A = 482 and B = 2085 of a likelihood that is an L1 fit in effect."""
    inputs, loss = columns(used)
    p = fit(LAW, inputs, loss, loss=L1()).parameters
    assert p["A"] == pytest.approx(482.0, rel=3e-3)
    assert p["B"] == pytest.approx(2085.4, rel=3e-3)
    assert p["E"] == pytest.approx(1.81686, rel=3e-3)


def test_bootstrap_standard_errors(resampled):
    published = {"A": 124.5, "B": 1293.0, "E": 0.0257, "alpha": 0.0154, "beta": 0.0206}
    for name, value in published.items():
        assert resampled.standard_errors[name] == pytest.approx(value, rel=0.03)
    assert resampled.failed < 0.02 * 4000


def test_bootstrap_intervals(resampled):
    """The published 95 % percentile intervals; BCa ones lie near them."""
    published = {
        "A": (285.2, 743.6),
        "B": (1042, 5810),
        "E": (1.769, 1.871),
        "alpha": (0.317, 0.373),
    }
    for name, ends in published.items():
        assert resampled.percentile()[name] == pytest.approx(ends, rel=0.01)
        assert resampled.bca()[name] == pytest.approx(ends, rel=0.12)


def test_published_values_of_hoffmann_fit_these_points_worse(used, fitted):
    inputs, loss = columns(used)
    for values in (HOFFMANN, BESIROGLU):
        residual = np.log(LAW.predict(LAW.vector(values), inputs)) - np.log(loss)
        assert Huber().value(residual).sum() > fitted.objective
    hoffmann = np.log(LAW.predict(LAW.vector(HOFFMANN), inputs)) - np.log(loss)
    assert Huber().value(hoffmann).sum() > 2 * fitted.objective


def test_sensitivity_to_the_five_dropped_points(points):
    """With all 245 points the optimal tokens per parameter at 5.76e23 fall from 17.9 to 6.8."""
    inputs, loss = columns(points)
    report = sensitivity(LAW, inputs, loss, flops=5.76e23, loss=Huber())
    ratios = {v.dropped: v.tokens_per_parameter for v in report.variants}
    assert ratios[0] == pytest.approx(6.8, abs=0.05)
    assert ratios[5] == pytest.approx(17.9, abs=0.05)
    assert "6.8" in report.statement()
    tied = {(a, b): rho for a, b, rho in report.tied}
    assert tied["A", "alpha"] == pytest.approx(0.999, abs=5e-4)


def test_tied_parameters_are_warned_about(fitted):
    assert ("A", "alpha") in [pair[:2] for pair in tied_parameters(fitted)]
    assert any("alpha" in text and "separately" in text for text in fitted.identifiability.warnings)


def test_profile_interval_of_an_exponent_agrees_with_the_bootstrap(fitted, resampled):
    grid = np.linspace(0.28, 0.42, 29)
    found = profile(fitted.problem, fitted.z, "alpha", grid, fitted.loss)
    assert found.objective.min() >= fitted.objective * (1 - 1e-9)
    low, high = resampled.percentile()["alpha"]
    assert low - 0.02 < found.interval[0] < fitted.parameters["alpha"]
    assert fitted.parameters["alpha"] < found.interval[1] < high + 0.02


def test_three_plans_and_their_disagreement(used, fitted, resampled):
    budgets = np.array([1e21, 5.76e23])
    size, flops, loss = used.columns["N"], used.columns["C"], used.columns["loss"]
    rng = np.random.default_rng(0)
    plans = [
        plan_parametric(fitted, resampled, budgets),
        plan_isoflop(size, flops, loss, budgets, rng=rng),
        plan_envelope(size, flops, loss, budgets, rng=rng),
    ]
    parametric = plans[0]
    assert parametric.tokens_per_parameter[1] == pytest.approx(17.9, abs=0.1)
    assert parametric.exponent == pytest.approx(0.5139, abs=0.001)
    assert parametric.notes  # 5.76e23 lies beyond the runs
    assert np.all(parametric.size_interval[:, 0] < parametric.size)
    assert np.all(parametric.size < parametric.size_interval[:, 1])
    for plan in plans:
        assert 0.4 < plan.exponent < 0.65
        np.testing.assert_allclose(6 * plan.size * plan.tokens, budgets)
    statement = disagreement(plans, 5.76e23)
    assert 1.0 <= statement.ratio < 4.0
    assert "factor" in statement.statement


def test_optimal_size_minimises_the_law(fitted):
    """Second derivation: no size on a fine grid at the same compute does better."""
    flops = 1e22
    size = np.geomspace(1e8, 1e11, 20001)
    loss = LAW.predict(fitted.theta, (size, flops / (6 * size)))
    ratio = tokens_per_parameter(fitted.theta[None], np.array([flops]))[0, 0]
    best = size[np.argmin(loss)]
    assert flops / 6 / best**2 == pytest.approx(ratio, rel=2e-3)
