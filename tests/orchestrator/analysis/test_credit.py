"""Credit within a budget: exact where it fits, else sampled with errors; layers and heads add up."""

import numpy as np
import pytest

from orchestrator.analysis.credit import credit
from orchestrator.analysis.remembered import Remembered
from orchestrator.game import owen, shapley, value_table


def game_of(n, seed=0):
    """A game of order 3 with random dividends."""
    random = np.random.default_rng(seed)
    sets = [random.choice(n, 3, replace=False) for _ in range(4 * n)]
    weights = random.normal(size=len(sets))
    single = random.normal(size=n)

    def value(rows):
        together = sum(w * rows[:, s].all(axis=1) for w, s in zip(weights, sets, strict=True))
        return rows @ single + together

    return value


LAYERS = [0, 0, 0, 1, 1, 1, 2, 2]


def test_a_budget_that_holds_all_coalitions_gives_exact_values():
    value = game_of(8)
    found = credit(value, LAYERS, budget=256, rng=np.random.default_rng(0))
    table = value_table(value, 8)
    assert found.is_exact
    assert found.evaluations == 256
    np.testing.assert_allclose(found.shapley, shapley(table), atol=1e-9)
    expected = owen(table, [(0, 1, 2), (3, 4, 5), (6, 7)])
    np.testing.assert_allclose(found.owen, expected, atol=1e-9)
    np.testing.assert_allclose(
        found.layers, [expected[:3].sum(), expected[3:6].sum(), expected[6:].sum()], atol=1e-9
    )


def test_a_smaller_budget_samples_and_says_so():
    value = game_of(8)
    found = credit(value, LAYERS, budget=64, rng=np.random.default_rng(0))
    assert not found.is_exact
    assert found.owen is not None
    # Owen's coalitions, beside those of the sampler
    assert found.owen_needs == 4 * (6 + 6 + 2) + 8 <= 64
    assert found.shapley.sum() == pytest.approx(found.total)
    truth = shapley(value_table(value, 8))
    assert (np.abs(found.shapley - truth) <= found.shapley_half_widths).all()


def test_owen_s_value_is_left_out_where_it_needs_more_than_the_budget():
    found = credit(game_of(30), [k // 10 for k in range(30)], budget=200,
                   rng=np.random.default_rng(0))  # fmt: skip
    assert found.owen is None
    assert found.owen_needs > 200
    assert found.evaluations <= 220
    assert len(found.layers) == 3
    assert not found.layer_half_widths.any()


def test_owen_needs_are_what_it_evaluates():
    game = Remembered(game_of(8))
    found = credit(game, LAYERS, budget=10_000, rng=np.random.default_rng(0))
    fresh = Remembered(game_of(8))
    from orchestrator.game import owen_from_function

    owen_from_function(fresh, [(0, 1, 2), (3, 4, 5), (6, 7)], n=8)
    assert fresh.evaluations == found.owen_needs


def test_no_coalition_is_evaluated_twice():
    asked = []

    def value(rows):
        asked.extend(row.tobytes() for row in rows)
        return rows.sum(axis=1).astype(float)

    game = Remembered(value)
    rows = np.random.default_rng(1).random((40, 4)) < 0.5
    np.testing.assert_array_equal(game(rows), rows.sum(axis=1))
    np.testing.assert_array_equal(game(rows[::-1]), rows[::-1].sum(axis=1))
    assert len(asked) == len(set(asked)) == game.evaluations


def test_prefetching_evaluates_in_one_call():
    calls = []

    def value(rows):
        calls.append(len(rows))
        return rows.sum(axis=1).astype(float)

    game = Remembered(value)

    def computation(v):
        v(np.array([[True, False]]))
        v(np.array([[True, True]]))

    game.prefetch(computation)
    computation(game)
    assert calls == [2]
