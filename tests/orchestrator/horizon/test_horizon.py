import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.horizon import ESTIMATORS, PowerLaw, PresentLoss
from orchestrator.horizon.power_law import extrapolate


def law(tokens, *, floor=2.0, scale=1.5, exponent=0.5):
    return floor + scale * np.asarray(tokens, dtype=float) ** -exponent


def curve_of(losses, *, interval=1000):
    return tuple(((i + 1) * interval, float(loss)) for i, loss in enumerate(losses))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_wants_a_finite_present_loss(name):
    for losses in ((), (1.0, float("nan"))):
        with pytest.raises(ValueError, match="one or more finite batch losses"):
            ESTIMATORS[name]().estimate(((10, 1.0),), losses, horizon_tokens=100)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_at_the_horizon_every_estimator_gives_the_present_loss(name):
    estimate = ESTIMATORS[name]().estimate(
        curve_of(law(range(1, 9))), (2.0, 3.0), horizon_tokens=8000
    )
    assert (estimate.loss, estimate.used) == (2.5, "present")
    assert math.isclose(estimate.standard_error, 0.5)


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
    at_end = [
        PowerLaw().estimate(curve_of(x), (x[-1],), horizon_tokens=400_000) for x in (fast, slow)
    ]
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
    estimate = PowerLaw().estimate(curve_of(losses), (losses[-1],), horizon_tokens=10**6)
    assert estimate.loss == losses[-1]
    assert estimate.used == "present"
    assert reason in estimate.reason


def test_a_flat_curve_stays_flat():
    estimate = PowerLaw().estimate(curve_of([2.0] * 8), (2.0, 2.01, 1.99), horizon_tokens=10**6)
    assert math.isclose(estimate.loss, 2.0)


def test_the_first_fall_of_the_loss_is_left_out():
    clean = law(np.arange(1, 31))
    bent = clean.copy()
    bent[:2] = 11.0
    horizon = {"horizon_tokens": 100_000}
    assert PowerLaw().estimate(curve_of(bent), (bent[-1],), **horizon) == PowerLaw().estimate(
        curve_of(clean), (clean[-1],), **horizon
    )


def test_present_loss_has_the_standard_error_of_the_mean():
    losses = (3.1, 2.9, 3.3, 2.7)
    estimate = PresentLoss().estimate((), losses, horizon_tokens=10)
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
