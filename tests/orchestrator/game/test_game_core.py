"""Least core and nucleolus: definitions, properties, published allocations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.game import known_games
from orchestrator.game.least_core import least_core, sums
from orchestrator.game.nucleolus import nucleolus, prenucleolus
from orchestrator.game.shapley import shapley


def random_game(n, seed=0):
    values = np.random.default_rng(seed).uniform(size=1 << n)
    values[0] = 0
    return values


def superadditive(n, seed):
    size = np.bitwise_count(np.arange(1 << n))
    return random_game(n, seed) + 2.0 * size * (size > 1)


def excesses(values, x):
    e = values - values[0] - sums(x)
    return np.sort(e[1:-1])[::-1]


def bankruptcy(estate, claims):
    """O'Neill 1982: v(S) is what the others leave."""
    claims = np.asarray(claims, dtype=float)
    return np.maximum(estate - (claims.sum() - sums(claims)), 0.0)


def test_talmudic_estates_are_published():
    # Aumann and Maschler 1985, table 1: claims 100, 200, 300.
    claims = [100, 200, 300]
    published = {100: [100 / 3] * 3, 200: [50, 75, 75], 300: [50, 100, 150]}
    for estate, shares in published.items():
        assert nucleolus(bankruptcy(estate, claims)) == pytest.approx(shares, abs=1e-9)
        assert prenucleolus(bankruptcy(estate, claims)) == pytest.approx(shares, abs=1e-9)


def test_glove_game_gives_all_to_the_scarce_side():
    v = known_games.glove(left=1, right=2)
    assert nucleolus(v) == pytest.approx([1, 0, 0], abs=1e-12)
    core = least_core(v)
    assert core.allocation == pytest.approx([1, 0, 0], abs=1e-9)
    assert core.has_core


def test_majority_of_three_has_no_core():
    v = known_games.weighted_majority([1, 1, 1], quota=2)
    core = least_core(v)
    assert not core.has_core
    assert core.excess == pytest.approx(1 / 3)
    assert nucleolus(v) == pytest.approx([1 / 3] * 3)


def test_airport_game_nucleolus_has_a_closed_form():
    # Littlechild 1974, costs 1, 2, 4: min(1/2, 2/3) = 0.5, then (2 - 0.5)/2 = 0.75, then the rest.
    v = known_games.airport([1.0, 2.0, 4.0])
    assert -nucleolus(v) == pytest.approx([0.5, 0.75, 2.75])


@given(st.integers(2, 6), st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_nucleolus_is_in_the_least_core_and_lexicographically_least(n, seed):
    v = superadditive(n, seed)
    x = nucleolus(v)
    assert x.sum() == pytest.approx(v[-1])
    core = least_core(v)
    own = excesses(v, x)
    assert own[0] == pytest.approx(core.excess, abs=1e-8)
    rng = np.random.default_rng(seed)
    for other in (shapley(v), core.allocation, *(x + 1e-3 * rng.normal(size=(20, n)))):
        moved = other + (x.sum() - other.sum()) / n
        difference = excesses(v, moved) - own
        beyond = difference[np.abs(difference) > 1e-7]
        assert beyond.size == 0 or beyond[0] > 0


@given(st.integers(2, 6), st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_prenucleolus_satisfies_kohlberg(n, seed):
    # Kohlberg 1971: coalitions with the largest excesses, down to any level, are balanced; here the
    # consequence that every player's worst objections against each other are equal (prekernel).
    v = random_game(n, seed)
    x = prenucleolus(v)
    e = v - sums(x)
    e[[0, -1]] = -np.inf
    masks = np.arange(1 << n)
    for i in range(n):
        for j in range(n):
            if i != j:
                s_ij = e[(masks >> i & 1 == 1) & (masks >> j & 1 == 0)].max()
                s_ji = e[(masks >> j & 1 == 1) & (masks >> i & 1 == 0)].max()
                assert s_ij == pytest.approx(s_ji, abs=1e-9)


def test_nucleolus_gives_nobody_less_than_alone():
    v = np.array([0.0, 0.5, 0.0, 0.5, 0.0, 0.5, 1.5, 1.0])
    x = nucleolus(v)
    assert (x >= v[[1, 2, 4]] - 1e-9).all()
    assert x.sum() == pytest.approx(1.0)
    assert prenucleolus(v)[0] < 0.5


def test_least_core_matches_the_program_with_all_constraints():
    for seed in range(5):
        v = random_game(10, seed)
        core = least_core(v)
        assert core.allocation.sum() == pytest.approx(v[-1])
        assert excesses(v, core.allocation)[0] == pytest.approx(core.excess, abs=1e-9)
        assert core.excess <= excesses(v, shapley(v))[0]
        if seed == 0:
            assert core.excess == pytest.approx(excesses(v, prenucleolus(v))[0], abs=1e-8)


def test_one_player_and_additive_games():
    assert nucleolus([1.0, 3.0]).tolist() == [2.0]
    assert least_core([1.0, 3.0]).allocation.tolist() == [2.0]
    weights = np.array([1.0, 5.0, 2.0, 0.0])
    assert nucleolus(sums(weights)) == pytest.approx(weights)
    assert least_core(sums(weights)).allocation == pytest.approx(weights)
    assert nucleolus(np.zeros(8)) == pytest.approx(0)


def test_bad_games_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match="at most 12 players, but got 13"):
        nucleolus(np.zeros(1 << 13))
    with pytest.raises(ValueError, match=r"v\(all\) >= the sum.*Use prenucleolus"):
        nucleolus([0.0, 1.0, 1.0, 1.0])
