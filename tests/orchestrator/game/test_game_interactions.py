"""Interaction indices against their definition, their dividends, and sums of unanimity games."""

import itertools
import math

import numpy as np
import pytest

from orchestrator.game import interactions as module
from orchestrator.game import known_games, transforms
from orchestrator.game.banzhaf import banzhaf
from orchestrator.game.coalitions import mask_of, players_of, sizes
from orchestrator.game.shapley import shapley


def random_game(n, seed=0):
    return np.random.default_rng(seed).normal(size=1 << n)


def derivative(values, players, outside):
    return sum(
        (-1) ** (len(players) - size) * values[outside | mask_of(chosen)]
        for size in range(len(players) + 1)
        for chosen in itertools.combinations(players, size)
    )


def by_definition(values, n, mask, weight):
    return sum(
        weight(t.bit_count()) * derivative(values, players_of(mask), t)
        for t in range(1 << n)
        if not t & mask
    )


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_indices_match_their_definitions(order):
    n = 6
    v = random_game(n)
    fact = math.factorial
    definitions = {
        module.shapley_interactions: lambda t: fact(t) * fact(n - t - order) / fact(n - order + 1),
        module.banzhaf_interactions: lambda _: 0.5 ** (n - order),
        module.shapley_taylor: lambda t: order / (n * math.comb(n - 1, t)),
    }
    for function, weight in definitions.items():
        index = function(v, order=order).of_order(order)
        expected = [by_definition(v, n, mask, weight) for mask in index.masks.tolist()]
        assert index.values == pytest.approx(expected, abs=1e-11)


def test_indices_match_their_dividends():
    # SII(A) = sum m(T)/(t-a+1), BII(A) = sum m(T)/2^(t-a), STII(A) = sum m(T)/C(t, a) over T >= A.
    n, order = 7, 3
    v = random_game(n)
    dividends = transforms.moebius(v)
    t = sizes(n).astype(float)
    shares = {
        module.shapley_interactions: 1 / np.maximum(t - order + 1, 1),
        module.banzhaf_interactions: 0.5 ** (t - order),
        module.shapley_taylor: 1 / np.array([max(math.comb(int(size), order), 1) for size in t]),
    }
    for function, share in shares.items():
        index = function(v, order=order).of_order(order)
        sums = transforms.superset_sums(dividends * share)
        assert index.values == pytest.approx(sums[index.masks], abs=1e-10)


def test_order_one_is_the_value():
    v = random_game(7)
    assert module.shapley_interactions(v, order=1).values == pytest.approx(shapley(v))
    assert module.banzhaf_interactions(v, order=1).values == pytest.approx(banzhaf(v))
    assert module.k_sii(v, order=1).values == pytest.approx(shapley(v))
    assert module.shapley_taylor(v, order=1).values == pytest.approx(shapley(v))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
def test_aggregated_interactions_are_efficient(order):
    v = random_game(6)
    for function in (module.k_sii, module.shapley_taylor):
        assert function(v, order=order).values.sum() == pytest.approx(v[-1] - v[0], abs=1e-10)


def test_k_sii_of_full_order_is_the_dividends():
    # Bordt and von Luxburg 2023: of order n it recovers the game.
    v = random_game(5)
    index = module.k_sii(v, order=5)
    assert index.values == pytest.approx(transforms.moebius(v)[index.masks], abs=1e-10)


def test_k_sii_of_pairs_takes_half_of_each_pair_from_its_players():
    v = random_game(6)
    index = module.k_sii(v, order=2)
    pairs = module.shapley_interactions(v, order=2).matrix()
    assert index.of_order(1).values == pytest.approx(shapley(v) - pairs.sum(axis=1) / 2)


def test_interactions_of_unanimity_games():
    # c u_T: SII of A <= T is c / (t-a+1); complements attract, substitutes repel.
    v = known_games.unanimity_sum([0b0111, 0b1001], [6.0, -1.0], n=4)
    index = module.shapley_interactions(v, order=2)
    assert index.of(0, 1) == pytest.approx(3)
    assert index.of(3, 0) == pytest.approx(-1)
    assert index.of(1, 3) == pytest.approx(0, abs=1e-14)
    assert module.banzhaf_interactions(v, order=2).of(0, 1) == pytest.approx(3)
    assert module.shapley_taylor(v, order=2).of(0, 1) == pytest.approx(2)
    assert np.array_equal(index.matrix(), index.matrix().T)


def test_a_dummy_interacts_with_nobody():
    v = random_game(5)
    with_dummy = np.concatenate([v, v + 0.3])
    for function in (module.shapley_interactions, module.banzhaf_interactions):
        assert function(with_dummy).matrix()[5] == pytest.approx(0, abs=1e-13)


def test_interactions_that_are_not_there_are_named():
    with pytest.raises(KeyError, match=r"orders \[2\] among 3 players"):
        module.shapley_interactions(random_game(3)).of(0, 1, 2)
    with pytest.raises(ValueError, match=r"`1 <= order <= 3` must hold.*order=4"):
        module.k_sii(random_game(3), order=4)
