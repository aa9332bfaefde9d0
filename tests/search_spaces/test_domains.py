"""Laws of every domain: membership, exact round trips, steps that stay inside."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from search_spaces.domains import Choice, Integer, PerLayer, Real, Simplex
from search_spaces.errors import SpaceError

units = st.floats(0, 1)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def reals(draw):
    log = draw(st.booleans())
    low = draw(st.floats(1e-9, 1e6) if log else st.floats(-1e6, 1e6))
    width = draw(st.floats(0, 1e6))
    return Real(low, low + width, log=log)


@st.composite
def integers(draw):
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -1000, 1000))
    return Integer(low, low + draw(st.integers(0, 5000)), step=draw(st.integers(1, 300)), log=log)


options = st.one_of(st.booleans(), st.integers(-9, 9), st.floats(-9, 9), st.text(max_size=3))
choices = st.lists(options, min_size=1, max_size=6, unique_by=lambda v: (type(v), v)).map(
    lambda v: Choice(tuple(v))
)
scalars = st.one_of(reals(), integers(), choices)


@given(domain=scalars, unit=units)
def test_unit_round_trip_of_members_is_exact(domain, unit):
    value = domain.from_unit(unit)
    assert domain.contains(value)
    assert domain.clip(value) == value
    assert type(domain.clip(value)) is type(value)
    back = domain.from_unit(domain.to_unit(value))
    assert back == value
    assert type(back) is type(value)


@given(domain=st.one_of(reals(), integers()), value=st.floats(-1e7, 1e7))
def test_clip_is_idempotent_and_lands_inside(domain, value):
    clipped = domain.clip(value)
    assert domain.contains(clipped)
    assert domain.clip(clipped) == clipped
    if isinstance(domain, Integer):
        assert all(abs(value - clipped) <= abs(value - v) for v in domain.values)


@given(domain=scalars, unit=units, seed=seeds, scale=st.floats(1e-4, 3))
def test_perturbation_stays_inside_and_moves_what_can_move(domain, unit, seed, scale):
    value = domain.from_unit(unit)
    moved = domain.perturb(value, np.random.default_rng(seed), scale=scale)
    assert domain.contains(moved)
    if isinstance(domain, Integer | Choice):
        assert domain.is_fixed == (moved == value and type(moved) is type(value))


@given(domain=st.one_of(reals(), integers()), bound=st.floats(-1e7, 1e7))
def test_at_most_and_at_least_are_the_nearest_on_their_side(domain, bound):
    below, above = domain.at_most(bound), domain.at_least(bound)
    assert below is None or (domain.contains(below) and below <= bound)
    assert above is None or (domain.contains(above) and above >= bound)
    assert below is not None or above is not None
    if isinstance(domain, Integer):
        assert below == max((v for v in domain.values if v <= bound), default=None)
        assert above == min((v for v in domain.values if v >= bound), default=None)


@given(domain=scalars, a=units, b=units, c=units)
def test_distance_is_a_metric_in_the_unit_interval(domain, a, b, c):
    x, y, z = (domain.from_unit(u) for u in (a, b, c))
    assert 0 <= domain.distance(x, y) <= 1
    assert domain.distance(x, y) == domain.distance(y, x)
    assert (domain.distance(x, y) == 0) == (x == y and type(x) is type(y))
    assert domain.distance(x, z) <= domain.distance(x, y) + domain.distance(y, z) + 1e-12


@pytest.mark.parametrize("scale", [0.01, 0.1])
@pytest.mark.parametrize("domain", [Real(1e-5, 1e-1, log=True), Real(-3, 17)])
def test_steps_scale_with_the_width(domain, scale):
    rng = np.random.default_rng(0)
    middle = domain.from_unit(0.5)
    steps = [domain.to_unit(domain.perturb(middle, rng, scale=scale)) - 0.5 for _ in range(2000)]
    assert np.std(steps) == pytest.approx(scale, rel=0.1)


def test_logarithmic_integers_are_drawn_evenly_by_octave():
    domain = Integer(16, 1023, log=True)
    rng = np.random.default_rng(0)
    octaves = np.bincount([int(math.log2(domain.sample(rng))) for _ in range(6000)])[4:]
    assert octaves.min() > 0.9 * octaves.max() * 0.9
    assert len(octaves) == 6


def test_the_lowest_of_coarse_logarithmic_steps_is_not_drawn_too_often():
    domain, rng = Integer(32, 2048, step=32, log=True), np.random.default_rng(0)
    draws = np.array([domain.sample(rng) for _ in range(5000)])
    assert 0.05 < np.mean(draws == 32) < 0.15
    assert np.median(draws) == pytest.approx(256, rel=0.15)


def test_a_truth_value_is_not_a_number():
    assert not Choice((1, 2)).contains(True)
    assert not Integer(0, 1).contains(True)
    assert Choice((False, True)).clip(True) is True


@st.composite
def shares(draw):
    size = draw(st.integers(1, 48))
    raw = draw(st.lists(st.floats(0, 1e3), min_size=size, max_size=size))
    return Simplex(size), raw


@given(case=shares())
def test_clipped_shares_are_members_and_round_trip_exactly(case):
    domain, raw = case
    value = domain.clip(raw)
    assert domain.contains(value)
    assert domain.clip(value) == value
    coordinates = domain.to_unit(value)
    assert len(coordinates) == domain.size - 1
    assert all(0 <= u <= 1 for u in coordinates)
    assert domain.from_unit(coordinates) == value
    assume(sum(raw) > 1e-3)
    assert all(abs(v - r / sum(raw)) <= 2e-6 for v, r in zip(value, raw, strict=True))


@given(size=st.integers(1, 12), seed=seeds, scale=st.floats(0, 2))
def test_steps_between_shares_stay_on_the_simplex(size, seed, scale):
    domain, rng = Simplex(size), np.random.default_rng(seed)
    value = domain.sample(rng)
    moved = domain.perturb(value, rng, scale=scale)
    assert domain.contains(value)
    assert domain.contains(moved)
    assert 0 <= domain.distance(value, moved) <= 1


def test_uniform_coordinates_mean_uniform_shares():
    rng = np.random.default_rng(0)
    draws = np.array([Simplex(4).sample(rng) for _ in range(4000)])
    # Dirichlet(1, 1, 1, 1): mean 1/4, variance 3/80 of every share
    np.testing.assert_allclose(draws.mean(axis=0), 0.25, atol=0.01)
    np.testing.assert_allclose(draws.var(axis=0), 3 / 80, rtol=0.1)


def test_layers_change_one_at_a_time_on_average():
    domain, rng = PerLayer(Integer(1, 1000)), np.random.default_rng(0)
    value = tuple(range(100, 108))
    changed = [
        sum(a != b for a, b in zip(value, domain.perturb(value, rng, scale=0.2), strict=True))
        for _ in range(500)
    ]
    assert min(changed) >= 1
    assert 1 <= np.mean(changed) <= 2.2


@pytest.mark.parametrize(
    ("make", "law"),
    [
        (lambda: Real(2, 1), "low <= high"),
        (lambda: Real(0, 1, log=True), "low > 0"),
        (lambda: Real(0, math.inf), "finite"),
        (lambda: Integer(5, 4), "low <= high"),
        (lambda: Integer(1, 4, step=0), "step >= 1"),
        (lambda: Integer(0, 4, log=True), "low > 0"),
        (lambda: Integer(1.5, 4), "integers"),
        (lambda: Choice(()), "at least one"),
        (lambda: Choice((1, 1)), "once"),
        (lambda: Simplex(0), "1 to 48"),
        (lambda: Real(0, 1).clip(math.nan), "a number"),
    ],
)
def test_impossible_domains_are_refused_with_the_law(make, law):
    with pytest.raises(SpaceError, match=law):
        make()
