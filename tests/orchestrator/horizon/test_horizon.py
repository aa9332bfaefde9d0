import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.horizon import ESTIMATORS, History, PowerLaw, PresentLoss
from orchestrator.horizon.power_law import extrapolate


def law(tokens, *, floor=2.0, scale=1.5, exponent=0.5):
    return floor + scale * np.asarray(tokens, dtype=float) ** -exponent


def history(losses, *, batches=(), interval=1000, rates=None):
    losses = np.asarray(losses, dtype=float)
    return History(
        tokens=interval * np.arange(1.0, losses.size + 1),
        losses=losses,
        batch_losses=batches,
        learning_rates=np.ones(100) if rates is None else rates,
    )


def one(estimator, *args, horizon_tokens, **kw):
    (estimate,) = estimator.estimate([history(*args, **kw)], horizon_tokens=horizon_tokens)
    return estimate


@pytest.mark.parametrize("name", ESTIMATORS)
def test_at_the_horizon_every_estimator_gives_the_present_loss(name):
    estimate = one(ESTIMATORS[name](), law(range(1, 9)), batches=(2.0, 3.0), horizon_tokens=8000)
    assert (estimate.loss, estimate.used) == (2.5, "present")
    assert math.isclose(estimate.standard_error, 0.5)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_one_estimate_a_history_in_their_order_and_none_for_nobody(name):
    estimator = ESTIMATORS[name]()
    assert estimator.estimate([], horizon_tokens=10) == ()
    levels = (3.0, 1.0, 2.0)
    told = [history(level + law(range(1, 13))) for level in levels]
    found = estimator.estimate(told, horizon_tokens=24_000)
    assert np.argsort([e.loss for e in found]).tolist() == np.argsort(levels).tolist()
    assert all(math.isfinite(e.loss) and math.isfinite(e.standard_error) for e in found)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_one_point_is_its_own_forecast(name):
    estimate = one(ESTIMATORS[name](), [3.0], horizon_tokens=100_000)
    assert (estimate.loss, estimate.standard_error, estimate.used) == (3.0, 0.0, "present")


def test_histories_are_checked():
    for tokens, losses, batches, said in (
        ([2.0, 1.0], [3.0, 3.0], (), "ascend"),
        ([0.0, 1.0], [3.0, 3.0], (), "above zero"),
        ([1.0, 2.0], [3.0, math.nan], (), "finite"),
        ([1.0], [3.0], (math.inf,), "finite"),
        ([1.0, 2.0], [3.0], (), "as many"),
        ([], [], (), "at least one"),
    ):
        with pytest.raises(ValueError, match=said):
            History(tokens=np.array(tokens), losses=np.array(losses), batch_losses=batches)


@settings(max_examples=40, deadline=None)
@given(
    floor=st.floats(0.5, 3),
    scale=st.floats(0.5, 5),
    exponent=st.floats(0.15, 1.2),
    reach=st.floats(1.1, 5),
)
def test_a_law_without_noise_is_found_again(floor, scale, exponent, reach):
    t = np.arange(1, 21) / 20
    losses = law(t, floor=floor, scale=scale, exponent=exponent)
    change, error = extrapolate(t, losses, to=reach)
    exact = scale * (reach**-exponent - 1)
    assert math.isclose(change, exact, rel_tol=1e-3)
    assert error < 0.1 * abs(exact)


def test_the_standard_error_covers_the_truth():
    rng = np.random.default_rng(0)
    t = np.arange(1, 17) / 16
    exact = 3**-0.4 - 1
    inside = []
    for _ in range(300):
        losses = law(t, floor=2, scale=1, exponent=0.4) + rng.normal(0, 0.004, size=16)
        change, error = extrapolate(t, losses, to=3.0)
        inside.append(abs(change - exact) <= error)
    assert 0.55 < np.mean(inside) < 0.9


def test_extrapolation_ranks_better_than_the_present():
    """Of two members the one that falls faster is behind now and ahead at the horizon."""
    t = np.arange(1, 13)
    fast, slow = (
        law(t, floor=2.0, scale=3.0, exponent=0.6),
        law(t, floor=2.5, scale=0.5, exponent=0.6),
    )
    assert fast[-1] > slow[-1]
    at_end = PowerLaw().estimate([history(fast), history(slow)], horizon_tokens=400_000)
    assert at_end[0].used == at_end[1].used == "power_law"
    assert at_end[0].loss < at_end[1].loss
    assert math.isclose(at_end[0].loss, law(400, floor=2.0, scale=3.0, exponent=0.6), rel_tol=1e-4)


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        ([3.0, 2.9, 2.8], "3 usable points, fewer than 5"),
        ([3.0, 3.1, 3.2, 3.3, 3.4, 3.5], "does not fall like a power law"),
        ([3.0, 2.2, 2.9, 2.3, 2.8, 2.1, 2.7], "not identified"),
    ],
)
def test_a_fallback_says_why(losses, reason):
    estimate = one(PowerLaw(), losses, batches=(losses[-1],), horizon_tokens=10**6)
    assert estimate.loss == losses[-1]
    assert estimate.used == "present"
    assert reason in estimate.reason


def test_a_flat_curve_stays_flat():
    estimate = one(PowerLaw(), [2.0] * 8, batches=(2.0, 2.01, 1.99), horizon_tokens=10**6)
    assert math.isclose(estimate.loss, 2.0)


def test_the_first_fall_of_the_loss_is_left_out():
    clean = law(np.arange(1, 31))
    bent = clean.copy()
    bent[:2] = 11.0
    found, expected = (one(PowerLaw(), x, horizon_tokens=100_000) for x in (bent, clean))
    assert found.used == "power_law"
    assert found.loss == expected.loss


def test_present_loss_has_the_standard_error_of_the_mean():
    losses = (3.1, 2.9, 3.3, 2.7)
    estimate = one(PresentLoss(), [4.0, 3.0], batches=losses, horizon_tokens=10**6)
    assert math.isclose(estimate.loss, 3.0)
    assert math.isclose(estimate.standard_error, np.std(losses, ddof=1) / 2)


@pytest.mark.parametrize(
    ("parameters", "law_text"),
    [
        ({"min_points": 3}, "min_points >= 4"),
        ({"skip_share": 1.0}, "skip_share < 1"),
        ({"max_relative_error": 0}, "> 0"),
    ],
)
def test_parameters_are_checked(parameters, law_text):
    with pytest.raises(ValueError, match=law_text):
        PowerLaw(**parameters)


def test_without_batches_the_present_loss_has_the_scatter_of_its_curve():
    rng = np.random.default_rng(0)
    errors = [
        one(PresentLoss(), 3 - 0.1 * np.arange(8) + rng.normal(0, 0.02, 8), horizon_tokens=10**6)
        for _ in range(200)
    ]
    assert math.isclose(np.mean([e.standard_error for e in errors]), 0.02, rel_tol=0.1)


def test_the_backtest_widens_what_the_law_claims_where_it_was_just_wrong():
    """A curve that leaves its law in the middle: its newest part was not as forecast."""
    rng = np.random.default_rng(1)
    t = np.arange(1, 31)
    straight = law(t / 30) + rng.normal(0, 1e-3, t.size)
    bent = straight - 0.3 * np.maximum(0, t - 18) / 12
    found = [
        one(PowerLaw(max_relative_error=10), x, horizon_tokens=60_000) for x in (straight, bent)
    ]
    assert all(e.used == "power_law" for e in found)
    assert found[1].standard_error > 5 * found[0].standard_error
