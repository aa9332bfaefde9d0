"""Sparse parity: exponents from closed form, from simulation, and a network that follows the model."""

import numpy as np
import pytest

from orchestrator.laws.sparse_parity import (
    calibrate,
    exponents,
    first_crossing,
    frequencies,
    loss_in_compute,
    loss_in_data,
    loss_in_parameters,
    loss_in_time,
    sample_missing,
    simulate,
    slope,
    strength,
)

START, RATE = 0.01, 1.0
ALPHAS = pytest.mark.parametrize("alpha", [0.6, 1.0, 1.5])


@ALPHAS
def test_exponents_of_the_closed_forms(alpha):
    p = frequencies(alpha, 200_000)
    expected = exponents(alpha)
    times = np.geomspace(1e4, 1e6, 8)
    assert slope(times, loss_in_time(p, times, start=START, rate=RATE)) == pytest.approx(
        expected.time, abs=0.05
    )
    samples = np.geomspace(1e2, 1e4, 8)
    assert slope(samples, loss_in_data(p, samples)) == pytest.approx(expected.data, abs=0.05)
    counts = np.geomspace(20, 400, 8).astype(int).astype(float)
    assert slope(counts, loss_in_parameters(p, counts)) == pytest.approx(
        expected.parameters, abs=0.08
    )


@pytest.mark.parametrize("alpha", [0.6, 1.0])
def test_exponent_in_compute(alpha):
    p = frequencies(alpha, 20_000)
    compute = np.geomspace(3e4, 3e6, 7)
    sizes = np.unique(np.geomspace(2, 1500, 50).astype(int)).astype(float)
    loss = loss_in_compute(p, compute, start=START, rate=RATE, sizes=sizes)
    assert slope(compute, loss) == pytest.approx(exponents(alpha).compute, abs=0.05)


def test_simulated_training_follows_the_closed_form_and_its_exponent():
    p = frequencies(1.0, 300)
    times = np.geomspace(30, 3000, 9)
    simulated = simulate(p, times, start=START, rate=RATE)
    exact = strength(p[None], times[:, None], start=START, rate=RATE)
    np.testing.assert_allclose(simulated, exact, atol=0.02)
    loss = 0.5 * ((1 - simulated) ** 2) @ p
    assert slope(times[2:], loss[2:]) == pytest.approx(exponents(1.0).time, abs=0.06)


def test_simulated_data_sets_follow_the_closed_form_and_its_exponent():
    p = frequencies(1.0, 20_000)
    samples = np.array([30.0, 100.0, 300.0, 1000.0, 3000.0])
    drawn = sample_missing(p, samples, rng=np.random.default_rng(0), repeats=30)
    np.testing.assert_allclose(drawn, loss_in_data(p, samples), rtol=0.1)
    assert slope(samples, drawn) == pytest.approx(exponents(1.0).data, abs=0.05)


def train_network(*, skills=4, bits=8, order=3, width=256, rate=0.1, scale=0.2, steps=3600, seed=2):
    """Two-layer ReLU network on all inputs of a multitask sparse-parity set, plain gradient descent.

    Inputs: which skill (one-hot) and the bits; target: the parity of the skill's own bits.
    Returns frequencies, steps and the strength of every skill at them.
    """
    rng = np.random.default_rng(seed)
    signs = ((np.arange(2**bits)[:, None] >> np.arange(bits)) & 1) * 2.0 - 1
    p = frequencies(0.6, skills)
    count = len(signs)
    x = np.zeros((skills * count, skills + bits + 1), dtype=np.float32)
    y = np.empty(skills * count, dtype=np.float32)
    for k in range(skills):
        part = slice(k * count, (k + 1) * count)
        x[part, k], x[part, skills:-1], x[part, -1] = 1.0, signs, 1.0
        y[part] = signs[:, rng.choice(bits, order, replace=False)].prod(axis=1)
    weight = np.repeat(p / count, count).astype(np.float32)
    first = (rng.standard_normal((x.shape[1], width)) * scale / np.sqrt(x.shape[1])).astype(
        np.float32
    )
    second = (rng.standard_normal(width) * scale / np.sqrt(width)).astype(np.float32)
    at, found = [], []
    for step in range(steps + 1):
        hidden = np.maximum(x @ first, 0)
        output = hidden @ second
        if step % 20 == 0:
            at.append(step)
            found.append((output * y).reshape(skills, count).mean(axis=1))
        error = (output - y) * weight
        back = (error[:, None] * second) * (hidden > 0)
        second -= rate * (hidden.T @ error)
        first -= rate * (x.T @ back)
    return p, np.array(at, dtype=float), np.array(found)


def test_network_learns_skills_when_the_model_calibrated_on_the_first_says():
    p, at, strengths = train_network()
    found = calibrate(at[1:], np.clip(strengths[1:, 0], 1e-6, None), frequency=p[0])
    predicted = found.emergence_time(p)
    seen = np.array([first_crossing(at, strengths[:, k]) for k in range(p.size)])
    assert predicted[-1] > 8 * predicted[0]  # emergence times span an order of magnitude
    np.testing.assert_allclose(seen, predicted, rtol=0.2)


def test_calibration_needs_an_emergence():
    with pytest.raises(ValueError, match=r"must cross 0\.5"):
        calibrate(np.arange(1.0, 10.0), np.full(9, 0.1), frequency=0.5)
    with pytest.raises(ValueError, match="alpha > 0"):
        exponents(0.0)
