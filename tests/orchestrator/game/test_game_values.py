"""Axioms, second formulas and published numbers of Shapley's and Banzhaf's values."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.game import banzhaf, coalitions, known_games, semivalues, transforms
from orchestrator.game.shapley import shapley


def random_game(n, seed=0):
    return np.random.default_rng(seed).normal(size=1 << n)


def by_permutations(values):
    """Shapley's second definition: the mean contribution over all orders of arrival."""
    n = coalitions.num_players(values)
    total = np.zeros(n)
    for order in itertools.permutations(range(n)):
        mask = 0
        for player in order:
            total[player] += values[mask | 1 << player] - values[mask]
            mask |= 1 << player
    return total / math.factorial(n)


def contributions(values, player):
    masks = np.arange(values.size)
    without = masks[(masks >> player & 1) == 0]
    return values[without | 1 << player] - values[without]


@given(st.integers(1, 8), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_shapley_is_efficient_and_linear(n, seed):
    v, w = random_game(n, seed), random_game(n, seed + 1)
    assert shapley(v).sum() == pytest.approx(v[-1] - v[0], abs=1e-12)
    assert shapley(2 * v - 3 * w) == pytest.approx(2 * shapley(v) - 3 * shapley(w), abs=1e-11)


@given(st.integers(2, 7), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_values_follow_a_relabelling_of_players(n, seed):
    v = random_game(n, seed)
    order = np.random.default_rng(seed).permutation(n)
    relabelled = v[coalitions.masks_of(coalitions.all_coalitions(n)[:, order])]
    for value in (shapley, banzhaf):
        assert value(relabelled)[order] == pytest.approx(value(v), abs=1e-12)


@pytest.mark.parametrize("value", [shapley, banzhaf])
def test_dummy_gets_what_it_brings_alone(value):
    v = random_game(5)
    with_dummy = np.concatenate([v, v + 0.7])
    assert value(with_dummy) == pytest.approx([*value(v), 0.7], abs=1e-13)


@pytest.mark.parametrize("value", [shapley, banzhaf])
def test_a_constant_changes_nothing(value):
    v = random_game(6)
    assert value(v + 1e6) == pytest.approx(value(v), abs=1e-8)


@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_shapley_is_the_mean_over_orders(n):
    v = random_game(n)
    assert shapley(v) == pytest.approx(by_permutations(v), abs=1e-12)


def test_shapley_shares_dividends_equally():
    v = random_game(8)
    shares = transforms.moebius(v) / np.maximum(coalitions.sizes(8), 1)
    assert shapley(v) == pytest.approx(shares @ coalitions.all_coalitions(8), abs=1e-11)


def test_banzhaf_is_the_mean_contribution_and_a_walsh_coefficient():
    v = random_game(8)
    walsh = transforms.walsh(v)
    for player, value in enumerate(banzhaf(v)):
        assert value == pytest.approx(contributions(v, player).mean(), abs=1e-13)
        assert value == pytest.approx(-2 * walsh[1 << player], abs=1e-13)


def test_shapley_of_unanimity_games_has_a_closed_form():
    # Shapley 1953: c u_T gives c / |T| to everyone in T.
    v = known_games.unanimity_sum([0b0011, 0b1110, 0b1000], [2.0, -3.0, 5.0], n=4)
    assert shapley(v) == pytest.approx([1, 0, -1, 4])


def test_shapley_of_the_glove_game_is_published():
    # One left, two right gloves: (2/3, 1/6, 1/6).
    assert shapley(known_games.glove(left=1, right=2)) == pytest.approx([2 / 3, 1 / 6, 1 / 6])


def test_shapley_of_the_airport_game_is_published():
    costs = np.array([8.0, 11.0, 13.0, 18.0])
    # The four-aircraft example of Littlechild and Owen's formula: 2, 3, 4, 9.
    assert -shapley(known_games.airport(costs)) == pytest.approx([2, 3, 4, 9])
    costs = np.random.default_rng(0).uniform(1, 9, 9)
    assert shapley(known_games.airport(costs)) == pytest.approx(known_games.airport_shapley(costs))


def test_power_in_the_european_council_of_1958_is_published():
    # [12; 4, 4, 4, 2, 2, 1]. Shapley-Shubik 14/60 (three times), 9/60 (twice), 0; Banzhaf swings
    # 10, 10, 10, 6, 6, 0 of 2^5 (Felsenthal and Machover 1998, section 5.3).
    v = known_games.weighted_majority([4, 4, 4, 2, 2, 1], quota=12)
    assert 60 * shapley(v) == pytest.approx([14, 14, 14, 9, 9, 0])
    assert 32 * banzhaf(v) == pytest.approx([10, 10, 10, 6, 6, 0])


def test_power_in_the_security_council_is_published():
    # 15 members, 5 with a veto, 9 votes: 0.1963 and 0.001865 (Straffin 1993).
    v = known_games.weighted_majority([7.0] * 5 + [1.0] * 10, quota=39)
    assert shapley(v)[[0, 14]] == pytest.approx([0.19627, 0.001865], abs=5e-6)


def test_semivalue_asks_for_a_weight_a_size():
    with pytest.raises(ValueError, match="3 players has 3 weights"):
        semivalues.semivalue(random_game(3), np.ones(2))


def test_twenty_players_fit_in_a_hundred_megabytes():
    v = random_game(20)
    tracemalloc.start()
    values = shapley(v)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values.sum() == pytest.approx(v[-1] - v[0], abs=1e-10)
    assert peak < 100e6
