"""Transforms against their definitions, their inverses, and Parseval's theorem."""

import numpy as np
import pytest

from orchestrator.game import known_games, transforms
from orchestrator.game.coalitions import sizes


def random_game(n, seed=0):
    return np.random.default_rng(seed).normal(size=1 << n)


def test_transforms_match_their_definitions():
    n = 5
    v = random_game(n)
    mask = np.arange(1 << n)
    subset = (mask[:, None] & mask) == mask
    parity = np.bitwise_count(mask[:, None] & mask) % 2
    sign = 1 - 2 * ((sizes(n)[:, None].astype(int) - sizes(n)) % 2)
    assert transforms.moebius(v) == pytest.approx(np.where(subset, sign, 0) @ v)
    assert transforms.inverse_moebius(v) == pytest.approx(subset @ v)
    assert transforms.superset_sums(v) == pytest.approx(subset.T @ v)
    assert transforms.walsh(v) == pytest.approx((1 - 2.0 * parity) @ v / 2**n)


@pytest.mark.parametrize("n", [1, 4, 9])
def test_transforms_are_undone(n):
    v = random_game(n)
    assert transforms.inverse_moebius(transforms.moebius(v)) == pytest.approx(v)
    assert transforms.inverse_walsh(transforms.walsh(v)) == pytest.approx(v)


def test_arguments_are_left_as_they_were():
    v = random_game(4)
    kept = v.copy()
    for function in (transforms.moebius, transforms.walsh, transforms.superset_sums):
        function(v)
    assert np.array_equal(v, kept)


def test_energy_is_split_by_order():
    v = random_game(6)
    energy = transforms.energy_by_order(v)
    assert energy.sum() == pytest.approx(np.mean(v**2))
    assert energy[1:].sum() == pytest.approx(np.var(v))
    additive = known_games.unanimity_sum([1, 2, 4], [1.0, -2.0, 0.5], n=3)
    assert transforms.energy_by_order(additive)[2:] == pytest.approx(0, abs=1e-15)
