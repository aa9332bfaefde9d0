"""Horizon estimators: one contract for all, and what each is for."""

import numpy as np
import pytest

from orchestrator.laws.forms.annealing import areas
from orchestrator.laws.horizon import ESTIMATORS, AnnealingCorrected, History, PowerLaw, Present

ALL = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS.keys())
STEPS = 1000


def cosine(end=0.0, steps=STEPS, warmup=20):
    t = np.arange(steps) / steps
    rates = end + 0.5 * (1 - end) * (1 + np.cos(np.pi * t))
    rates[:warmup] *= np.arange(1, warmup + 1) / warmup
    return rates


def constant_then_drop(start, steps=STEPS, warmup=20):
    rates = np.ones(steps)
    rates[:warmup] = np.arange(1, warmup + 1) / warmup
    tail = np.arange(steps - start) / (steps - start)
    rates[start:] = 1 - 0.95 * tail
    return rates


def curve(rates, *, offset, rng, noise=0.002, c=0.6):
    """Losses at every twentieth step from the annealing law itself, and the final loss."""
    s1, _ = areas(rates)
    flat = rates.copy()
    flat[: np.argmax(rates)] = rates.max()
    _, s2 = areas(flat, decay=np.exp(-1 / (0.03 * rates.size)))
    loss = offset + 1.0 * (s1 / 500) ** -0.4 - c * s2 / 30
    at = np.arange(20, rates.size + 1, 20)
    return at.astype(float), loss[at - 1] + noise * rng.standard_normal(at.size), loss[-1]


def histories(share, schedules, offsets, seed=0):
    rng = np.random.default_rng(seed)
    made, final = [], []
    for rates, offset in zip(schedules, offsets, strict=True):
        t, y, end = curve(rates, offset=offset, rng=rng)
        seen = t <= share * STEPS
        made.append(History(tokens=t[seen], losses=y[seen], learning_rates=rates))
        final.append(end)
    return tuple(made), np.array(final)


@ALL
def test_answers_every_member_with_a_finite_loss(estimator):
    made, _ = histories(0.4, [cosine(), constant_then_drop(900)], [2.0, 2.1])
    found = estimator.estimate(made, horizon=STEPS)
    assert len(found) == 2
    assert all(np.isfinite(e.loss) and e.standard_error > 0 for e in found)


@ALL
def test_refuses_a_horizon_in_the_past(estimator):
    made, _ = histories(0.5, [cosine()], [2.0])
    with pytest.raises(ValueError, match="before the present"):
        estimator.estimate(made, horizon=100.0)


@ALL
def test_one_point_is_enough_for_an_answer(estimator):
    (only,) = estimator.estimate(
        (History(tokens=np.array([5.0]), losses=np.array([3.0])),), horizon=100.0
    )
    assert only.loss == 3.0
    assert only.method == "present"


@ALL
def test_at_the_end_every_estimator_gives_about_the_last_loss(estimator):
    made, final = histories(1.0, [np.ones(STEPS), np.ones(STEPS)], [2.0, 2.3])
    found = estimator.estimate(made, horizon=STEPS)
    assert [e.loss for e in found] == pytest.approx(final, abs=0.05)


def test_annealing_correction_forecasts_what_is_still_to_be_annealed():
    """Members at their peak rate look worse now than members that have annealed, and are not."""
    schedules = [cosine(), constant_then_drop(800), cosine(0.2), constant_then_drop(700)]
    offsets = [2.02, 2.00, 2.01, 1.98]
    made, final = histories(0.6, schedules, offsets)
    corrected = AnnealingCorrected().estimate(made, horizon=STEPS)
    now = Present().estimate(made, horizon=STEPS)
    error = np.array([e.loss for e in corrected]) - final
    assert np.sqrt(np.mean(error**2)) < 0.5 * np.sqrt(
        np.mean((np.array([e.loss for e in now]) - final) ** 2)
    )
    assert all(e.method == "annealing-corrected" for e in corrected)


def test_power_law_forecasts_a_power_law():
    t = np.arange(1.0, 41.0) * 10
    rng = np.random.default_rng(1)
    y = 2.0 + 1.5 * (t / 1000) ** -0.3 + 0.002 * rng.standard_normal(t.size)
    (found,) = PowerLaw().estimate((History(tokens=t, losses=y),), horizon=1000.0)
    assert found.loss == pytest.approx(3.5, abs=4 * found.standard_error)
    assert found.standard_error < 0.2
    assert found.loss < y[-1]


def test_intervals_of_the_power_law_cover():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        t = np.arange(1.0, 31.0) * 10
        power = rng.uniform(0.2, 0.8)
        y = 2.0 + (t / 1000) ** -power * 0.7 + 0.003 * rng.standard_normal(t.size)
        (found,) = PowerLaw().estimate((History(tokens=t, losses=y),), horizon=1000.0)
        hits += abs(found.loss - 2.7) <= 1.96 * found.standard_error
    assert hits >= 180


def test_histories_are_checked():
    with pytest.raises(ValueError, match="ascend"):
        History(tokens=np.array([2.0, 1.0]), losses=np.array([3.0, 3.0]))
    with pytest.raises(ValueError, match="finite"):
        History(tokens=np.array([1.0, 2.0]), losses=np.array([3.0, np.nan]))


def test_leaky_sum_equals_the_recursion():
    rates = cosine()
    s1, s2 = areas(rates, decay=0.97)
    momentum, total = 0.0, []
    for i in range(1, rates.size):
        momentum = 0.97 * momentum + rates[i - 1] - rates[i]
        total.append(momentum)
    np.testing.assert_allclose(s2[1:], np.cumsum(total), atol=1e-9)
    np.testing.assert_allclose(s1, np.cumsum(rates))
