"""Masks and matrices are one thing; a table that is none is refused with a remedy."""

import numpy as np
import pytest

from orchestrator.game import coalitions


def test_masks_and_matrices_convert_both_ways():
    matrix = coalitions.all_coalitions(6)
    masks = coalitions.masks_of(matrix)
    assert np.array_equal(masks, np.arange(64))
    assert np.array_equal(coalitions.matrix_of(masks, 6), matrix)
    assert np.array_equal(coalitions.sizes(6), matrix.sum(axis=1))


def test_players_and_masks_convert_both_ways():
    for mask in range(64):
        assert coalitions.mask_of(coalitions.players_of(mask)) == mask


def test_table_is_filled_by_one_call():
    calls = []

    def game(matrix):
        calls.append(matrix.shape)
        return matrix @ np.array([1.0, 10.0, 100.0])

    table = coalitions.value_table(game, 3)
    assert calls == [(8, 3)]
    assert table[0b101] == 101


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, 3.0], np.zeros((2, 2)), 3.0])
def test_table_that_is_no_power_of_two_is_refused(values):
    with pytest.raises(ValueError, match=r"2\^n values, n >= 1, but got the shape .* Order the"):
        coalitions.check_values(values)


def test_values_that_are_not_finite_are_named():
    with pytest.raises(ValueError, match=r"got v=nan at mask 2 \(players \(1,\)\)"):
        coalitions.check_values([0.0, 1.0, np.nan, 2.0])


def test_too_many_players_are_sent_to_a_sampler():
    with pytest.raises(ValueError, match=r"n <= 24, but got n=40.*permutation_shapley"):
        coalitions.value_table(lambda matrix: matrix.sum(axis=1), 40)


def test_empty_game_is_refused():
    with pytest.raises(ValueError, match="at least 1 player, but got 0"):
        coalitions.all_coalitions(0)


def test_function_of_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"one value a coalition, shape \(4,\)"):
        coalitions.value_table(lambda _: np.zeros(3), 2)
    with pytest.raises(ValueError, match=r"got v=inf for the coalition \[0, 1\]"):
        coalitions.value_table(lambda m: np.where(m.all(axis=1), np.inf, 0.0), 2)
