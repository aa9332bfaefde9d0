"""Dynamics of infinite populations on games whose behaviour is published."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.game import known_games
from orchestrator.game.dynamics import (
    basins,
    best_response,
    best_response_path,
    between_two_populations,
    evolutionarily_stable_states,
    exponential_weights_path,
    exponential_weights_step,
    is_evolutionarily_stable,
    is_strictly_copositive,
    logit,
    numeric_jacobian,
    replicator,
    replicator_jacobian,
    rest_point_near,
    rest_points,
    smith,
    stability_of,
    tangent_eigenvalues,
    trajectory,
    two_population_path,
    within_one_population,
)
from orchestrator.game.inputs import DegenerateGameWarning

DYNAMICS = {
    "replicator": replicator,
    "logit": partial(logit, temperature=0.1),
    "best_response": best_response,
    "smith": smith,
}


def state_of(n, seed):
    return np.random.default_rng(seed).dirichlet(np.ones(n))


@pytest.mark.parametrize("name", DYNAMICS)
@given(st.integers(1, 6), st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_velocities_are_tangent_and_correlate_with_payoffs(name, n, seed):
    rng = np.random.default_rng(seed)
    a, x = rng.normal(size=(n, n)), rng.dirichlet(np.ones(n))
    f = a @ x
    velocity = DYNAMICS[name](x, f)
    assert velocity.sum() == pytest.approx(0, abs=1e-12)
    if name != "logit":  # positive correlation (Sandholm 2010, condition PC)
        assert velocity @ f >= -1e-12
    stacked = DYNAMICS[name](np.stack([x, x]), np.stack([f, f]))
    assert stacked == pytest.approx(np.stack([velocity, velocity]))


def test_smith_matches_its_sum():
    rng = np.random.default_rng(0)
    x, f = rng.dirichlet(np.ones(4)), rng.normal(size=4)
    expected = [
        sum(x[j] * max(f[i] - f[j], 0) - x[i] * max(f[j] - f[i], 0) for j in range(4))
        for i in range(4)
    ]
    assert smith(x, f) == pytest.approx(expected)


def test_replicator_against_constant_payoffs_is_exponential_weights():
    x, f = state_of(4, 1), np.array([0.3, -1.0, 2.0, 0.0])
    moved = trajectory(lambda state: replicator(state, f), x, [0.0, 1.7])[-1]
    assert exponential_weights_step(x, f, rate=1.7) == pytest.approx(moved, abs=1e-9)


@given(st.floats(1e-3, 1e4), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_exponential_weights_never_leave_the_simplex(rate, seed):
    rng = np.random.default_rng(seed)
    x = rng.dirichlet(np.ones(5))
    x[rng.integers(5)] = 0
    x /= x.sum()
    moved = exponential_weights_step(x, rng.normal(size=5), rate=rate)
    assert moved.sum() == pytest.approx(1)
    assert (moved >= 0).all()
    assert (moved[x == 0] == 0).all()


def test_small_steps_of_exponential_weights_follow_the_replicator():
    a = known_games.hawk_dove()
    path = exponential_weights_path(a, np.array([0.2, 0.8]), rate=1e-3, steps=3000)
    exact = trajectory(within_one_population(replicator, a), [0.2, 0.8], [0.0, 3.0])
    assert path[-1] == pytest.approx(exact[-1], abs=1e-3)


def test_time_average_nears_equilibrium_of_a_zero_sum_game():
    a = np.array([[3.0, -1.0], [-1.0, 1.0]])
    start = (np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    rows, columns = two_population_path(a, -a, start, rate=0.01, steps=20_000)
    assert rows.mean(axis=0) == pytest.approx([1 / 3, 2 / 3], abs=0.02)
    assert columns.mean(axis=0) == pytest.approx([1 / 3, 2 / 3], abs=0.02)


def test_mean_payoff_rises_in_partnership_games():
    # Hofbauer and Sigmund 1998, theorem 7.8.1: the fundamental theorem of natural selection.
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4, 4))
    a += a.T
    path = trajectory(within_one_population(replicator, a), state_of(4, 2), np.linspace(0, 5, 40))
    mean = np.einsum("ti,ij,tj->t", path, a, path)
    assert (np.diff(mean) >= -1e-9).all()


@pytest.mark.parametrize(("win", "trend"), [(1, 0), (2, 1), (0.5, -1)])
def test_rock_paper_scissors_cycles_or_spirals(win, trend):
    # Hofbauer and Sigmund 1998, section 7.7: the product of the shares is constant, rises or falls.
    a = known_games.rock_paper_scissors(win=win)
    path = trajectory(within_one_population(replicator, a), [0.5, 0.3, 0.2], np.linspace(0, 10, 30))
    change = np.diff(np.log(path).sum(axis=1))
    if trend == 0:
        assert change == pytest.approx(0, abs=1e-8)
    else:
        assert (np.sign(change) == trend).all()
    centre = next(point for point in rest_points(a) if point.state.min() > 0)
    assert centre.state == pytest.approx(np.full(3, 1 / 3))
    assert centre.stability == {0: "undetermined", 1: "sink", -1: "source"}[trend]
    assert is_evolutionarily_stable(a, centre.state) == (trend == 1)


def test_two_populations_of_matching_pennies_orbit():
    a = np.array([[1.0, -1.0], [-1.0, 1.0]])
    field = between_two_populations(replicator, a, -a)
    path = trajectory(field, [0.7, 0.3, 0.6, 0.4], np.linspace(0, 12, 40), populations=(2, 2))
    assert np.log(path).sum(axis=1) == pytest.approx(np.log([0.7, 0.3, 0.6, 0.4]).sum(), abs=1e-8)
    assert path[:, :2].sum(axis=1) == pytest.approx(1)


def test_best_response_surrounds_the_hawk_dove_equilibrium():
    path = best_response_path(known_games.hawk_dove(), [0.05, 0.95], step=0.01, steps=800)
    assert path[-1, 0] == pytest.approx(2 / 3, abs=0.02)


def test_hawk_dove_has_its_ess_at_value_over_cost():
    # Maynard Smith and Price 1973: V / C hawks.
    for value, cost in ((2, 3), (1, 4), (5, 6)):
        (state,) = evolutionarily_stable_states(known_games.hawk_dove(value=value, cost=cost))
        assert state[0] == pytest.approx(value / cost)
    (hawks,) = evolutionarily_stable_states(known_games.hawk_dove(value=4, cost=3))
    assert hawks.tolist() == [1, 0]


def test_stable_states_of_known_games():
    assert evolutionarily_stable_states(known_games.prisoners_dilemma()).tolist() == [[0, 1]]
    assert len(evolutionarily_stable_states(known_games.stag_hunt())) == 2
    coordination = known_games.coordination([1, 2, 3])
    assert evolutionarily_stable_states(coordination).tolist() == np.eye(3).tolist()
    mixed = [point for point in rest_points(coordination) if point.state.min() > 0]
    assert mixed[0].stability == "source"
    assert mixed[0].state == pytest.approx(np.array([6, 3, 2]) / 11)


def test_an_attractor_need_not_be_an_ess():
    # Zeeman 1980, as in Hofbauer and Sigmund 1998, section 7.4: asymptotically stable, no ESS.
    a = np.array([[0.0, 6, -4], [-3, 0, 5], [-1, 3, 0]])
    interior = next(point for point in rest_points(a) if point.state.min() > 0)
    assert interior.state == pytest.approx(np.full(3, 1 / 3))
    assert interior.stability == "sink"
    assert not is_evolutionarily_stable(a, interior.state)
    assert evolutionarily_stable_states(a).tolist() == [[1, 0, 0]]


@given(st.integers(2, 5), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_ess_are_the_strict_maxima_of_a_partnership_game(n, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, n))
    a += a.T
    for point in rest_points(a):
        away = rng.dirichlet(np.ones(n), size=2000)
        near = point.state + 1e-3 * (away - point.state)
        gains = np.einsum("ki,ij,kj->k", near, a, near) - point.state @ a @ point.state
        if is_evolutionarily_stable(a, point.state):
            assert (gains < 0).all()
            assert point.stability == "sink"
        elif point.stability == "sink":  # pragma: no cover - sinks are maxima here
            pytest.fail("a sink of a partnership game is an ESS")


def test_ess_with_best_replies_outside_its_support():
    # The support is strategy 0; 1 and 2 are alternative best replies. Stable iff copositive.
    stable = np.array([[0.0, 0, 0], [0, -1, 2], [0, -2.5, -1]])
    assert is_evolutionarily_stable(stable, [1, 0, 0])
    unstable = np.array([[0.0, 0, 0], [0, -1, 3], [0, 1, -1]])
    assert not is_evolutionarily_stable(unstable, [1, 0, 0])


@given(st.integers(1, 5), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_copositivity_agrees_with_sampling(n, seed):
    rng = np.random.default_rng(seed)
    m = rng.normal(size=(n, n)) + np.eye(n)
    m += m.T
    z = np.concatenate([rng.dirichlet(np.full(n, 0.3), size=4000), np.eye(n)])
    smallest = np.einsum("ki,ij,kj->k", z, m, z).min()
    if is_strictly_copositive(m):
        assert smallest > 0
    else:
        assert smallest < 0.2  # samples come near the minimum
    assert not is_strictly_copositive(m - 100)
    assert is_strictly_copositive(m + 100)


def test_jacobians_agree_with_differences():
    a, x = np.random.default_rng(1).normal(size=(4, 4)), state_of(4, 1)
    numeric = numeric_jacobian(within_one_population(replicator, a), x)
    assert replicator_jacobian(a, x) == pytest.approx(numeric, abs=1e-8)


def test_logit_equilibrium_is_found_and_stable():
    a = known_games.rock_paper_scissors(win=2)
    field = within_one_population(partial(logit, temperature=0.2), a)
    state = rest_point_near(field, [0.4, 0.3, 0.3])
    assert state == pytest.approx(np.full(3, 1 / 3), abs=1e-10)
    assert stability_of(tangent_eigenvalues(numeric_jacobian(field, state))) == "sink"


def test_basins_of_the_stag_hunt_meet_at_the_mixed_state():
    found = basins(
        known_games.stag_hunt(stag=4, hare=3), rng=np.random.default_rng(0), samples=2000
    )
    assert found.sinks.tolist() == [[1, 0], [0, 1]]
    assert np.abs(found.shares - [0.25, 0.75]).max() < 4 * found.standard_errors.max()
    assert found.elsewhere < 0.01


def test_basins_leave_cycles_unassigned():
    found = basins(known_games.rock_paper_scissors(), rng=np.random.default_rng(0), samples=50)
    assert found.elsewhere == 1
    assert found.shares.shape == (0,)


def test_ties_are_told():
    with pytest.warns(DegenerateGameWarning, match="continuum of rest points"):
        points = rest_points(np.zeros((2, 2)))
    assert [point.state.tolist() for point in points] == [[1, 0], [0, 1]]


def test_bad_states_and_times_are_refused_with_a_remedy():
    a = known_games.hawk_dove()
    field = within_one_population(replicator, a)
    with pytest.raises(ValueError, match=r"smallest share -0.5.*Divide"):
        trajectory(field, [1.5, -0.5], [0.0, 1.0])
    with pytest.raises(ValueError, match="Times ascend from 0"):
        trajectory(field, [0.5, 0.5], [1.0, 2.0])
    with pytest.raises(ValueError, match="square payoff matrix"):
        rest_points(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="at most 14 strategies, but got 15"):
        rest_points(np.eye(15))
    with pytest.raises(ValueError, match="`temperature > 0`"):
        logit(np.ones(1), np.ones(1), temperature=0)
    with pytest.raises(ValueError, match="samples=0"):
        basins(a, rng=np.random.default_rng(0), samples=0)
    with pytest.raises(ValueError, match=r"4 for \(2, 2\), but got 2"):
        trajectory(field, [0.5, 0.5], [0.0, 1.0], populations=(2, 2))
    with pytest.raises(RuntimeError, match="rest point on the simplex"):
        rest_point_near(lambda x: np.array([1.0, -1.0]) + 0 * x, [0.5, 0.5])
    with pytest.raises(RuntimeError, match="left it by"):
        trajectory(lambda x: np.array([1.0, -1.0]) + 0 * x, [0.5, 0.5], [0.0, 1.0])
