"""Samplers: near the exact values, as near as they claim, within their budget."""

import numpy as np
import pytest

from orchestrator.game import known_games
from orchestrator.game.banzhaf import banzhaf
from orchestrator.game.coalitions import masks_of
from orchestrator.game.sampling import (
    Stopping,
    banzhaf_by_sample_reuse,
    leverage_shapley,
    permutation_shapley,
    stratified_shapley,
)
from orchestrator.game.shapley import shapley

SHAPLEY = {
    "permutation": permutation_shapley,
    "stratified": stratified_shapley,
    "leverage": leverage_shapley,
}
EVERY = {**SHAPLEY, "sample_reuse": banzhaf_by_sample_reuse}
TRUTH = {**dict.fromkeys(SHAPLEY, shapley), "sample_reuse": banzhaf}


def table_game(n, seed):
    """A game with interactions of all orders, the low ones larger, as ablated models have."""
    rng = np.random.default_rng(seed)
    order = np.bitwise_count(np.arange(1 << n))
    dividends = rng.normal(size=1 << n) / (1.0 + order) ** 3
    return known_games.unanimity_sum(np.arange(1 << n), dividends, n=n)


def counted(values):
    calls = []

    def game(members):
        calls.append(len(members))
        return values[masks_of(members)]

    return game, calls


def quadratic(n, seed):
    rng = np.random.default_rng(seed)
    b, q = rng.normal(size=n), rng.normal(size=(n, n))
    q = np.triu(q, 1)

    def game(members):
        x = members.astype(float)
        return 3.0 + x @ b + np.einsum("mi,ij,mj->m", x, q, x)

    return game, b + (q + q.T).sum(axis=1) / 2  # each pair is shared alike


@pytest.mark.parametrize("name", EVERY)
def test_estimates_are_as_near_as_their_standard_errors_claim(name):
    values = table_game(9, 0)
    game, _ = counted(values)
    truth = TRUTH[name](values)
    scores = []
    for seed in range(60):
        estimate = EVERY[name](
            game, 9, stopping=Stopping(budget=400), rng=np.random.default_rng(seed)
        )
        scores.append((estimate.values - truth) / estimate.standard_errors)
    scores = np.array(scores)
    assert np.abs(scores.mean(axis=0)).max() < 4 / np.sqrt(60) * scores.std() * 1.2
    assert 0.8 < np.sqrt(np.mean(scores**2)) < 1.35
    assert np.mean(np.abs(scores) < 1.96) > 0.88


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("budget", [200, 320])
def test_half_widths_hold_for_all_players_at_once(name, budget):
    # Without a known range they are Student's, honest from few samples on (one look: risk / 2).
    values = table_game(10, 7)
    game, _ = counted(values)
    truth = TRUTH[name](values)
    missed = 0
    for seed in range(60):
        estimate = EVERY[name](
            game,
            10,
            stopping=Stopping(budget=budget, confidence=0.8),
            rng=np.random.default_rng(seed),
        )
        missed += bool((np.abs(estimate.values - truth) > estimate.half_widths).any())
    assert missed <= 60 * 0.2


@pytest.mark.parametrize("name", EVERY)
def test_budget_is_kept_and_counted(name):
    game, calls = counted(table_game(8, 1))
    for budget in (140, 200, 255):
        calls.clear()
        estimate = EVERY[name](
            game, 8, stopping=Stopping(budget=budget), rng=np.random.default_rng(0)
        )
        assert sum(calls) == estimate.evaluations <= budget


@pytest.mark.parametrize("name", SHAPLEY)
def test_shapley_estimates_are_efficient(name):
    values = table_game(8, 2)
    game, _ = counted(values)
    estimate = SHAPLEY[name](game, 8, stopping=Stopping(budget=200), rng=np.random.default_rng(0))
    assert estimate.values.sum() == pytest.approx(values[-1] - values[0], abs=1e-10)


@pytest.mark.parametrize("name", ["permutation", "leverage"])
def test_paired_sampling_is_exact_on_games_of_order_two(name):
    game, truth = quadratic(30, 0)
    estimate = SHAPLEY[name](game, 30, stopping=Stopping(budget=300), rng=np.random.default_rng(1))
    assert estimate.values == pytest.approx(truth, abs=1e-10)
    assert estimate.standard_errors == pytest.approx(0, abs=1e-8)


def test_stratified_sampling_is_exact_on_additive_games():
    weights = np.random.default_rng(0).normal(size=10)
    estimate = stratified_shapley(
        lambda m: m @ weights, 10, stopping=Stopping(budget=300), rng=np.random.default_rng(0)
    )
    assert estimate.values == pytest.approx(weights, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 6, 7])
def test_leverage_sampling_becomes_exact_when_the_budget_allows(n):
    values = table_game(n, 3)
    game, _ = counted(values)
    estimate = leverage_shapley(
        game, n, stopping=Stopping(budget=1 << n), rng=np.random.default_rng(0)
    )
    assert estimate.values == pytest.approx(shapley(values), abs=1e-11)
    assert estimate.standard_errors == pytest.approx(0)


@pytest.mark.parametrize("name", ["permutation", "sample_reuse"])
def test_bernstein_stops_early_and_keeps_its_promise(name):
    values = table_game(6, 4)
    game, _ = counted(values)
    spread = values.max() - values.min()
    missed = 0
    for seed in range(20):
        stopping = Stopping(budget=200_000, precision=0.25 * spread, value_range=spread)
        estimate = EVERY[name](game, 6, stopping=stopping, rng=np.random.default_rng(seed))
        assert estimate.is_precise
        assert estimate.evaluations < 20_000
        assert estimate.half_widths.max() <= 0.25 * spread
        error = np.abs(estimate.values - TRUTH[name](values))
        missed += bool((error > estimate.half_widths).any())
    assert missed <= 1


@pytest.mark.parametrize("name", ["stratified", "leverage"])
def test_student_half_widths_stop_early(name):
    values = table_game(10, 5)
    game, _ = counted(values)
    rough = SHAPLEY[name](game, 10, stopping=Stopping(budget=350), rng=np.random.default_rng(0))
    stopping = Stopping(budget=900, precision=1.5 * float(rough.half_widths.max()))
    estimate = SHAPLEY[name](game, 10, stopping=stopping, rng=np.random.default_rng(0))
    assert estimate.is_precise
    assert estimate.evaluations < 900
    assert np.abs(estimate.values - shapley(values)).max() < 1.5 * estimate.half_widths.max()


def test_truncation_saves_evaluations_and_stays_within_its_bias():
    def saturating(members):  # worthless unless most players are there
        return np.maximum(members.sum(axis=1) - 15.0, 0.0)

    stopping = Stopping(budget=2 + 10 * 38)
    rng = np.random.default_rng
    whole = permutation_shapley(saturating, 20, stopping=stopping, rng=rng(0))
    saved = permutation_shapley(saturating, 20, stopping=stopping, rng=rng(0), truncation=0.01)
    assert whole.evaluations == 2 + 10 * 38
    assert saved.values == pytest.approx(np.full(20, 5 / 20), abs=0.2)
    assert saved.values.sum() == pytest.approx(5)
    # Ten walks to the end cost 38 a pair, truncated ones 10: more pairs, a smaller error.
    assert saved.standard_errors.mean() < whole.standard_errors.mean()


@pytest.mark.parametrize("name", EVERY)
def test_draws_depend_on_the_generator_alone(name):
    game, _ = counted(table_game(7, 6))
    first, second = (
        EVERY[name](game, 7, stopping=Stopping(budget=120), rng=np.random.default_rng(9))
        for _ in range(2)
    )
    assert np.array_equal(first.values, second.values)


def test_one_player_takes_all():
    for sampler in SHAPLEY.values():
        estimate = sampler(
            lambda m: 2.0 * m[:, 0], 1, stopping=Stopping(budget=4), rng=np.random.default_rng(0)
        )
        assert estimate.values.tolist() == [2.0]
        assert estimate.standard_errors.tolist() == [0.0]


def test_bad_budgets_and_games_are_refused_with_a_remedy():
    rng = np.random.default_rng(0)

    def game(members):
        return members.sum(axis=1).astype(float)

    with pytest.raises(ValueError, match="`budget >= 2`"):
        Stopping(budget=0)
    with pytest.raises(ValueError, match=r"confidence=1\.5"):
        Stopping(budget=9, confidence=1.5)
    with pytest.raises(ValueError, match="precision=-1"):
        Stopping(budget=9, precision=-1)
    with pytest.raises(ValueError, match="only with value_range"):
        permutation_shapley(game, 5, stopping=Stopping(budget=99, precision=0.1), rng=rng)
    with pytest.raises(ValueError, match=r"value_range=0\.5"):
        permutation_shapley(game, 5, stopping=Stopping(budget=99, value_range=0.5), rng=rng)
    with pytest.raises(ValueError, match=r"value_range=0\.5"):
        banzhaf_by_sample_reuse(game, 5, stopping=Stopping(budget=99, value_range=0.5), rng=rng)
    with pytest.raises(ValueError, match="at least 1 player, but got 0"):
        leverage_shapley(game, 0, stopping=Stopping(budget=99), rng=rng)
    for sampler in EVERY.values():
        with pytest.raises(ValueError, match="needs a budget of at least"):
            sampler(game, 50, stopping=Stopping(budget=40), rng=rng)
    with pytest.raises(ValueError, match="truncation=-1"):
        permutation_shapley(game, 5, stopping=Stopping(budget=99), rng=rng, truncation=-1)
    with pytest.raises(ValueError, match="got v=nan"):
        stratified_shapley(
            lambda m: np.full(len(m), np.nan), 5, stopping=Stopping(budget=99), rng=rng
        )
