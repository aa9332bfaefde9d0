"""Owen's value adds up across scales."""

import itertools
from math import factorial

import numpy as np
import pytest

from orchestrator.game import known_games
from orchestrator.game.coalitions import mask_of, masks_of
from orchestrator.game.owen import owen, owen_from_function
from orchestrator.game.shapley import shapley


def random_game(n, seed=0):
    return np.random.default_rng(seed).normal(size=1 << n)


def quotient(values, unions):
    """The game between unions."""
    table = np.empty(1 << len(unions))
    for chosen in range(table.size):
        players = [p for k, union in enumerate(unions) if chosen >> k & 1 for p in union]
        table[chosen] = values[mask_of(tuple(players))]
    return table


def test_members_get_together_what_their_union_gets():
    v = random_game(8)
    unions = [(0, 3), (1, 2, 7), (4,), (5, 6)]
    value = owen(v, unions)
    expected = shapley(quotient(v, unions))
    assert [value[list(u)].sum() for u in unions] == pytest.approx(expected, abs=1e-12)


def test_orders_that_keep_unions_together_average_to_owen():
    v = random_game(5)
    unions = [(0, 1), (2, 3, 4)]
    total, count = np.zeros(5), 0
    for order in itertools.permutations(unions):
        for inner in itertools.product(*(itertools.permutations(union) for union in order)):
            mask, count = 0, count + 1
            for player in itertools.chain(*inner):
                total[player] += v[mask | 1 << player] - v[mask]
                mask |= 1 << player
    assert count == factorial(2) * factorial(2) * factorial(3)
    assert owen(v, unions) == pytest.approx(total / count, abs=1e-12)


def test_trivial_unions_give_shapley():
    v = random_game(6)
    assert owen(v, [tuple(range(6))]) == pytest.approx(shapley(v), abs=1e-12)
    assert owen(v, [(k,) for k in range(6)]) == pytest.approx(shapley(v), abs=1e-12)


def test_united_opposition_gains_power():
    # [2; 1, 1, 1] with players 1 and 2 united: (0, 1/2, 1/2) (Owen 1977's point: unions matter).
    majority = known_games.weighted_majority([1, 1, 1], quota=2)
    assert owen(majority, [(0,), (1, 2)]) == pytest.approx([0, 0.5, 0.5])


def test_function_is_asked_only_for_what_is_needed():
    v = random_game(16)
    unions = [tuple(range(4 * k, 4 * k + 4)) for k in range(4)]
    asked = []

    def game(members):
        asked.append(len(members))
        return v[masks_of(members)]

    value = owen_from_function(game, unions, n=16)
    assert sum(asked) == 4 * 2 ** (3 + 4)  # 512, not 65,536
    assert value == pytest.approx(owen(v, unions))


def test_more_players_than_a_table_holds():
    weights = np.arange(48.0)
    unions = [tuple(range(8 * k, 8 * k + 8)) for k in range(6)]
    assert owen_from_function(lambda m: m @ weights, unions, n=48) == pytest.approx(weights)


@pytest.mark.parametrize("unions", [[(0, 1)], [(0, 1), (1, 2)], [(0, 1, 2), ()]])
def test_unions_that_do_not_part_the_players_are_refused(unions):
    with pytest.raises(ValueError, match=r"part the players 0..2.*of their own"):
        owen(random_game(3), unions)
