"""Laws of the statistics: exact under the null, right by hand, equal to a second formula."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.certification.mean_difference import mean_difference
from orchestrator.certification.sign_flip import (
    MOST_PAIRS,
    pairs_needed,
    sign_flip_p_value,
    smallest_p_value,
)

numbers = st.floats(-10, 10, allow_nan=False).map(lambda x: round(x, 3))


def test_a_case_by_hand():
    # 1 - 2 + 4 = 3; |sums| of the 4 choices up to a common sign: 7, 1, 3, 5; at least 3: three of 4
    assert sign_flip_p_value([1.0, -2.0, 4.0]) == 0.75
    # all of one sign: only the two choices without mixed signs reach the sum
    assert sign_flip_p_value([0.3, 0.1, 0.2, 0.5]) == 2 / 2**4
    assert sign_flip_p_value([5.0]) == 1.0
    assert sign_flip_p_value([0.0, 0.0, 0.0]) == 1.0


@given(st.lists(numbers, min_size=1, max_size=9))
def test_it_is_the_count_over_all_signs(differences):
    reach = abs(sum(differences)) - 1e-9 * sum(map(abs, differences))
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    assert sign_flip_p_value(differences) == sum(s >= reach for s in sums) / len(sums)


@given(st.lists(numbers, min_size=1, max_size=8), st.permutations(range(8)))
def test_units_direction_and_order_do_not_matter(differences, order):
    p = sign_flip_p_value(differences)
    assert sign_flip_p_value([-d for d in differences]) == p
    assert sign_flip_p_value([4.0 * d for d in differences]) == p
    assert sign_flip_p_value([differences[i] for i in order if i < len(differences)]) == p


@settings(max_examples=25)
@given(st.lists(numbers, min_size=2, max_size=7))
def test_it_is_exact_under_the_null(magnitudes):
    """If every sign is as likely as its opposite, p <= x comes with probability x at most."""
    p_values = [
        sign_flip_p_value(np.multiply(signs, magnitudes))
        for signs in itertools.product((1, -1), repeat=len(magnitudes))
    ]
    for x in set(p_values):
        assert np.mean([p <= x for p in p_values]) <= x + 1e-12


def test_no_p_value_is_below_the_smallest_and_many_pairs_are_counted_exactly():
    rng = np.random.default_rng(1)
    for n in (2, 5, 12, 21):
        assert sign_flip_p_value(rng.uniform(1, 2, n)) == smallest_p_value(n) == 2 / 2**n
    # by symmetry: one negative of n equal ones; sums of at least n - 2 need 0, 1 or n-1, n minuses
    n = 30
    assert sign_flip_p_value([1.0] * (n - 1) + [-1.0]) == 2 * (1 + n) / 2**n


@given(st.floats(0.001, 0.5), st.integers(1, 5))
def test_the_pairs_needed_are_the_fewest_that_can_reach_the_level(level, tests):
    n = pairs_needed(level=level, tests=tests)
    assert tests * smallest_p_value(n) <= level
    assert n == 1 or tests * smallest_p_value(n - 1) > level


@pytest.mark.parametrize("wrong", [[], [1.0, math.nan], [1.0] * (MOST_PAIRS + 1)])
def test_what_cannot_be_tested_is_refused(wrong):
    with pytest.raises(ValueError, match="finite numbers, but got"):
        sign_flip_p_value(wrong)


@pytest.mark.parametrize("n", [2, 5, 12])
def test_the_interval_covers_the_mean_as_often_as_it_says(n):
    rng = np.random.default_rng(n)
    runs, true = 1000, 0.3
    covered = 0
    for sample in rng.normal(true, 2.0, (runs, n)):
        found = mean_difference(sample, confidence=0.9)
        covered += found.low <= true <= found.high
    error = math.sqrt(0.9 * 0.1 / runs)
    assert abs(covered / runs - 0.9) < 4 * error


def test_the_interval_of_equal_differences_is_a_point():
    found = mean_difference([0.25, 0.25, 0.25])
    assert (found.low, found.mean, found.high) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize("wrong", [[1.0], []])
def test_one_difference_has_no_interval(wrong):
    with pytest.raises(ValueError, match="2 differences or more"):
        mean_difference(wrong)
