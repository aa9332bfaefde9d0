"""Equilibria: regret zero, all of them, against a second algorithm and published games."""

import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.game import known_games
from orchestrator.game.inputs import DegenerateGameWarning
from orchestrator.game.normal_form import (
    extreme_equilibria,
    lemke_howson,
    max_entropy_equilibrium,
    nash_average,
    nash_conv,
    regret_with_bootstrap,
    regrets,
    solve_zero_sum,
    support_enumeration,
)
from orchestrator.game.normal_form.vertex_pairs import equilibria_by_vertices


def bimatrix(m, n, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, n)), rng.normal(size=(m, n))


def entropy(x):
    return -float(x[x > 0] @ np.log(x[x > 0]))


def sorted_profiles(equilibria):
    return sorted((*e.row.round(9).tolist(), *e.column.round(9).tolist()) for e in equilibria)


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_zero_sum_solution_is_optimal_for_both(m, n, seed):
    a = 1e3 * np.random.default_rng(seed).normal(size=(m, n)) + 77
    equilibrium, value = solve_zero_sum(a)
    assert (equilibrium.row @ a).min() == pytest.approx(value, abs=1e-9)
    assert (a @ equilibrium.column).max() == pytest.approx(value, abs=1e-9)
    assert equilibrium.regret < 1e-9


def test_published_zero_sum_games():
    # Matching pennies with payoffs 3, -1, -1, 1 (Osborne and Rubinstein's method): (1/3, 2/3).
    equilibrium, value = solve_zero_sum([[3, -1], [-1, 1]])
    assert equilibrium.row == pytest.approx([1 / 3, 2 / 3])
    assert equilibrium.column == pytest.approx([1 / 3, 2 / 3])
    assert value == pytest.approx(1 / 3)
    for eps in (-0.5, 0.0, 0.3, 2.0):
        equilibrium, value = solve_zero_sum(known_games.biased_rock_paper_scissors(eps))
        expected = np.array([1 + eps, 1 + eps, 1]) / (3 + 2 * eps)
        assert equilibrium.row == pytest.approx(expected)
        assert value == pytest.approx(0, abs=1e-12)


@given(st.integers(2, 6), st.integers(2, 6), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_max_entropy_equilibrium_is_an_equilibrium_and_the_most_even_one(m, n, seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(-1, 2, size=(m, n)).astype(float)  # ties: many optimal strategies
    equilibrium, value = max_entropy_equilibrium(a)
    _, expected = solve_zero_sum(a)
    assert value == pytest.approx(expected, abs=1e-8)
    assert equilibrium.regret < 1e-7
    for optimal in extreme_equilibria(a, -a):
        assert entropy(equilibrium.row) >= entropy(optimal.row) - 1e-6
        assert entropy(equilibrium.column) >= entropy(optimal.column) - 1e-6
        # First order: moving towards any optimal strategy does not raise the entropy.
        slope = np.where(optimal.row > 1e-9, -np.log(np.maximum(equilibrium.row, 1e-12)), 0.0)
        assert optimal.row @ slope <= entropy(equilibrium.row) + 1e-5


def test_max_entropy_equilibrium_of_a_constant_game_is_uniform():
    equilibrium, value = max_entropy_equilibrium(np.full((3, 4), 2.5))
    assert equilibrium.row == pytest.approx(np.full(3, 1 / 3))
    assert equilibrium.column == pytest.approx(np.full(4, 1 / 4))
    assert value == 2.5


def test_max_entropy_equilibrium_shares_between_clones():
    a = known_games.rock_paper_scissors()[np.ix_([0, 0, 1, 2], [0, 0, 1, 2])]
    equilibrium, _ = max_entropy_equilibrium(a)
    assert equilibrium.row == pytest.approx([1 / 6, 1 / 6, 1 / 3, 1 / 3], abs=1e-9)


def test_max_entropy_equilibrium_gives_no_weight_to_a_slack_constraint():
    """A meta-game of a search, of which the dual's first descent ends with such a weight."""
    a = -np.array(
        [
            [1.287031340385468, 1.287031340385468, 1.2932426763901532],
            [1.2895403487061359, 1.2895403487061359, 1.3028054048642224],
            [1.2915843178205761, 1.2915843178205761, 1.2899335278948398],
            [1.2811654364140783, 1.2811654364140783, 1.2975998902358699],
            [1.3150866096020566, 1.3150866096020566, 1.3069515849919933],
        ]
    )
    equilibrium, value = max_entropy_equilibrium(a)
    expected, once = solve_zero_sum(a[:, 1:])
    assert value == pytest.approx(once, abs=1e-9)
    assert equilibrium.regret < 1e-9
    share = expected.column[0] / 2
    assert equilibrium.column == pytest.approx([share, share, expected.column[1]], abs=1e-9)


def test_nash_average_ignores_clones_and_uniform_weights_do_not():
    scores = np.random.default_rng(3).normal(size=(5, 4))
    once = nash_average(scores)
    tilted = nash_average(np.hstack([scores, scores[:, [2, 2, 2]]]))
    assert tilted.ratings == pytest.approx(once.ratings, abs=1e-8)
    cloned = nash_average(np.vstack([scores, scores[:1]]))
    assert cloned.ratings[:5] == pytest.approx(once.ratings, abs=1e-8)
    assert once.ratings.max() == pytest.approx(once.value, abs=1e-8)


def test_nash_average_of_a_cycle_rates_all_alike():
    # Balduzzi et al. 2018, section 3.2: in Rock-Paper-Scissors nobody is better than another.
    assert nash_average(known_games.rock_paper_scissors()).ratings == pytest.approx(0, abs=1e-12)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_support_enumeration_finds_all_and_nothing_else(m, n, seed):
    a, b = bimatrix(m, n, seed)
    found = support_enumeration(a, b)
    assert len(found) % 2 == 1  # Wilson 1971: an odd number in games that are not degenerate
    assert all(e.regret < 1e-9 for e in found)
    assert sorted_profiles(found) == pytest.approx(
        np.array(sorted_profiles(extreme_equilibria(a, b))), abs=1e-8
    )


def test_no_equilibrium_is_lost_to_a_zero_in_500_games():
    # Library code that tests the whole strategy for x >= 0 drops equilibria whose zeros come out
    # as -1e-18.
    for seed in range(500):
        rng = np.random.default_rng(seed)
        a, b = rng.uniform(size=(2, 4, 4))
        found = support_enumeration(a, b)
        assert len(found) % 2 == 1
        assert all(e.regret < 1e-12 for e in found)


def test_lemke_howson_ends_in_one_of_all_equilibria():
    for seed in range(20):
        a, b = bimatrix(5, 4, seed)
        known = sorted_profiles(support_enumeration(a, b))
        for label in range(9):
            equilibrium = lemke_howson(a, b, label=label)
            assert equilibrium.regret < 1e-9
            distance = [
                np.abs(np.subtract(sorted_profiles([equilibrium])[0], other)).max()
                for other in known
            ]
            assert min(distance) < 1e-8


def test_lemke_howson_ends_in_degenerate_games():
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b = rng.integers(0, 3, size=(2, 6, 5)).astype(float)
        assert lemke_howson(a, b, label=int(rng.integers(11))).regret < 1e-9


def test_published_bimatrix_games():
    # von Stengel 2007, example 3.3 (Algorithmic Game Theory): three equilibria.
    a = [[3, 3], [2, 5], [0, 6]]
    b = [[3, 2], [2, 6], [3, 1]]
    with pytest.warns(DegenerateGameWarning):
        support_enumeration(a, [[3, 3], [2, 6], [3, 1]])  # example 3.7: made degenerate
    found = sorted_profiles(support_enumeration(a, b))
    assert found == pytest.approx(
        np.array([[0, 1 / 3, 2 / 3, 1 / 3, 2 / 3], [0.8, 0.2, 0, 2 / 3, 1 / 3], [1, 0, 0, 1, 0]]),
        abs=1e-8,
    )
    dilemma = known_games.prisoners_dilemma()
    (only,) = support_enumeration(dilemma, dilemma.T)
    assert only.row.tolist() == [0, 1]
    hawks = known_games.hawk_dove(value=2, cost=4)
    assert len(support_enumeration(hawks, hawks.T)) == 3


def test_degenerate_game_warns_and_returns_its_extreme_equilibria():
    with pytest.warns(DegenerateGameWarning, match="infinitely many"):
        found = support_enumeration(np.ones((2, 2)), np.ones((2, 2)))
    assert len(found) == 4  # everything is an equilibrium; the extreme ones are the pure pairs
    with pytest.warns(DegenerateGameWarning):
        found = support_enumeration([[1, 1], [0, 0]], [[1, 1], [0, 1]])
    assert all(e.regret == 0 for e in found)
    assert {tuple(e.column) for e in found} == {(1.0, 0.0), (0.0, 1.0)}


def test_equilibria_of_more_strategies_than_fit_are_refused():
    with pytest.raises(ValueError, match=r"pairs of supports here.*lemke_howson"):
        support_enumeration(np.zeros((20, 20)), np.zeros((20, 20)))


def test_nash_conv_is_zero_at_equilibrium_and_the_sum_of_gains_elsewhere():
    a, b = bimatrix(3, 4, 5)
    (equilibrium, *_) = support_enumeration(a, b)
    assert nash_conv([a, b], [equilibrium.row, equilibrium.column]) == pytest.approx(0, abs=1e-12)
    x, y = np.full(3, 1 / 3), np.full(4, 1 / 4)
    assert nash_conv([a, b], [x, y]) == pytest.approx(sum(regrets(a, b, x, y)))


def test_nash_conv_of_three_players_counts_each_deviation():
    rng = np.random.default_rng(0)
    payoffs = list(rng.normal(size=(3, 2, 3, 4)))
    mixed = [rng.dirichlet(np.ones(k)) for k in (2, 3, 4)]
    u = [np.einsum("abc,a,b,c", t, *mixed) for t in payoffs]
    best = [
        np.einsum("abc,b,c->a", payoffs[0], mixed[1], mixed[2]).max(),
        np.einsum("abc,a,c->b", payoffs[1], mixed[0], mixed[2]).max(),
        np.einsum("abc,a,b->c", payoffs[2], mixed[0], mixed[1]).max(),
    ]
    assert nash_conv(payoffs, mixed) == pytest.approx(sum(best) - sum(u))


def test_bootstrap_of_regret_covers_the_truth():
    rng = np.random.default_rng(1)
    a = np.array([[1.0, 0.0], [0.4, 0.4]])
    x, y = np.array([0.0, 1.0]), np.array([0.9, 0.1])
    truth = 0.9 - 0.4
    covered, errors, stated = 0, [], []
    for _ in range(200):
        samples = a + 0.3 * rng.normal(size=(30, 2, 2))
        measured = regret_with_bootstrap(samples, x, y, rng=rng, resamples=200)
        covered += measured.low <= truth <= measured.high
        errors.append(measured.regret - truth)
        stated.append(measured.standard_error)
    assert covered >= 180
    assert np.mean(stated) == pytest.approx(np.std(errors), rel=0.15)


def test_bad_payoffs_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"got payoffs\[0, 1\]=nan"):
        solve_zero_sum([[1.0, np.nan]])
    with pytest.raises(ValueError, match=r"shape \(0, 3\). Leave out empty games"):
        max_entropy_equilibrium(np.zeros((0, 3)))
    with pytest.raises(ValueError, match=r"got \(2, 3\) and \(3, 2\). Transpose"):
        support_enumeration(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"the sum 1.5. Divide"):
        regrets(np.eye(2), np.eye(2), [1.0, 0.5], [1.0, 0.0])
    with pytest.raises(ValueError, match=r"`0 <= label < 4`.*label=4"):
        lemke_howson(np.eye(2), np.eye(2), label=4)
    with pytest.raises(ValueError, match="p strategies"):
        nash_conv([np.eye(2), np.eye(2)], [np.ones(1)])
    with pytest.raises(ValueError, match="repetitions >= 2"):
        regret_with_bootstrap(
            np.zeros((1, 2, 2)), [1.0, 0.0], [1.0, 0.0], rng=np.random.default_rng(0)
        )


@pytest.mark.parametrize("kind", ["normal", "zero_sum", "wide", "integers"])
def test_vertices_and_supports_find_the_same_equilibria(kind, monkeypatch):
    """Two algorithms; integers make ties, for which vertices must refuse rather than lose one."""
    module = sys.modules["orchestrator.game.normal_form.support_enumeration"]
    answered = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=(2, *rng.integers(5, 9, 2)))
        if kind == "zero_sum":
            b = -a
        elif kind == "wide":
            a, b = np.exp(3 * a), np.exp(3 * b)
        elif kind == "integers":
            a, b = np.round(20 * a), np.round(20 * b)
        quick = equilibria_by_vertices(a / np.ptp(a), b / np.ptp(b))
        answered += quick is not None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DegenerateGameWarning)
            found = support_enumeration(a, b)
            with monkeypatch.context() as only:
                only.setattr(module, "LEAST_FOR_VERTICES", 99)
                expected = support_enumeration(a, b)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.row, other.row, atol=1e-9)
            np.testing.assert_allclose(one.column, other.column, atol=1e-9)
            assert one.regret <= 1e-10 * max(np.ptp(a), np.ptp(b))
    assert answered >= 6


def test_vertices_refuse_a_degenerate_game():
    for game in (np.ones((5, 5)), np.eye(5).repeat(2, axis=1), np.zeros((6, 6))):
        assert equilibria_by_vertices(game, game) is None
