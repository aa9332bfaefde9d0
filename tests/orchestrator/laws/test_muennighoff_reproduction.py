"""Muennighoff et al. 2023 (arXiv:2305.16264): the published repetition constant is a local minimum."""

import numpy as np
import pytest

from orchestrator.laws.fitting.fit import fit
from orchestrator.laws.fitting.identifiability import profile
from orchestrator.laws.fitting.levenberg import minimise_smooth
from orchestrator.laws.fitting.losses import Huber
from orchestrator.laws.fitting.problem import to_coordinates, to_natural
from orchestrator.laws.forms.muennighoff import LAW
from orchestrator.laws.reading import read_table

HELD = {
    "A": np.exp(6.255414),
    "B": np.exp(7.3049974),
    "E": np.exp(0.6254804),
    "alpha": 0.3526596,
    "beta": 0.3526596,
}
REPEATS = LAW.with_fixed(HELD)
PUBLISHED = np.array([15.387756, 5.309743])


@pytest.fixture(scope="module")
def runs():
    c = read_table("tests/data/laws/datablations2023/fit_set_182.csv").columns
    return (c["N"], c["D"], c["U"]), c["loss"]


@pytest.fixture(scope="module")
def fitted(runs):
    return fit(REPEATS, *runs, loss=Huber(delta=1e-3))


def test_published_objective(runs):
    inputs, loss = runs
    residual = np.log(REPEATS.predict(PUBLISHED, inputs)) - np.log(loss)
    assert Huber().value(residual).sum() == pytest.approx(0.0158259366, rel=1e-6)
    value = REPEATS.predict(PUBLISHED, inputs)
    determination = 1 - np.sum((loss - value) ** 2) / np.sum((loss - loss.mean()) ** 2)
    assert determination == pytest.approx(0.7722046, abs=2e-6)


def test_published_point_is_a_local_minimum_and_a_better_one_exists(fitted):
    start = to_coordinates(REPEATS, PUBLISHED)[None]
    local = minimise_smooth(fitted.problem, start, Huber())
    assert local.objective[0] <= 0.0158259366
    assert to_natural(REPEATS, local.z[0]) == pytest.approx(PUBLISHED, rel=0.01)
    assert fitted.objective <= 0.0158048
    assert fitted.parameters["R_D*"] == pytest.approx(95.4, rel=0.01)
    assert fitted.parameters["R_N*"] == pytest.approx(1.71, rel=0.01)


def test_repetition_constant_is_unbounded_above(fitted):
    grid = np.geomspace(1.0, 1e7, 45)
    around = to_coordinates(REPEATS, np.array([[15, 1.0], [15, 5.0], [15, 20.0]]))
    found = profile(fitted.problem, fitted.z, "R_D*", grid, fitted.loss, more_starts=around)
    assert np.isinf(found.interval[1])
    assert 3 < found.interval[0] < 10
    assert "R_D*" in fitted.identifiability.unidentified
    assert fitted.agreement < 0.5
    assert any("starts reach" in text for text in fitted.identifiability.warnings)
