"""Estimated games: truth recovered, error bars honest, bad measurements refused."""

import numpy as np
import pytest

from orchestrator.game import known_games
from orchestrator.game.coalitions import mask_of
from orchestrator.game.dynamics import evolutionarily_stable_states
from orchestrator.game.empirical import (
    EstimatedPayoff,
    LinearPayoff,
    payoff_from_history,
    payoff_from_interactions,
    share_trend,
    uncertain_equilibrium,
)


def payoff_of(n, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, n))
    return LinearPayoff(constant=rng.normal(size=n), matrix=a + a.T)


def concave(n):
    """An allocation game with one interior ESS: diminishing returns in every role."""
    return LinearPayoff(constant=np.linspace(1.0, 1.3, n), matrix=-2.0 * np.eye(n))


def test_payoffs_are_the_gradient_of_the_potential():
    payoff = payoff_of(4, 0)
    x = np.random.default_rng(1).dirichlet(np.ones(4), size=3)
    for k in range(4):
        step = 1e-6 * np.eye(4)[k]
        slope = (payoff.potential(x + step) - payoff.potential(x - step)) / 2e-6
        assert payoff.at(x)[:, k] == pytest.approx(slope, abs=1e-8)
    assert x @ payoff.as_matrix().T == pytest.approx(payoff.at(x))


def test_interactions_of_components_add_up_to_the_model():
    rng = np.random.default_rng(0)
    m, roles, shares = 7, np.array([0, 0, 1, 1, 2, 2, 2]), np.array([0.2, 0.5, 0.3])
    u, pairs = rng.normal(size=m), np.triu(rng.normal(size=(m, m)), 1)
    estimate = payoff_from_interactions(u, pairs + pairs.T, roles=roles, shares=shares)
    masks = [1 << k for k in range(m)]
    masks += [mask_of((i, j)) for i in range(m) for j in range(i + 1, m)]
    table = known_games.unanimity_sum(masks, [*u, *pairs[np.triu_indices(m, 1)]], n=m)
    assert estimate.payoff.potential(shares) == pytest.approx(table[-1])
    # A role switched off: the model without its components.
    rest = np.array([0.0, 0.5, 0.3])
    assert estimate.payoff.potential(rest) == pytest.approx(table[0b1111100])


def test_errors_of_interactions_are_propagated():
    rng = np.random.default_rng(1)
    roles, shares = np.array([0, 0, 1]), np.array([0.4, 0.6])
    u, pairs = np.array([1.0, 2.0, 3.0]), np.zeros((3, 3))
    u_errors = np.array([0.1, 0.2, 0.3])
    pair_errors = np.array([[0, 0.1, 0.2], [0.1, 0, 0.3], [0.2, 0.3, 0]])
    errors = payoff_from_interactions(
        u, pairs, roles=roles, shares=shares, value_errors=u_errors, interaction_errors=pair_errors
    ).standard_errors()
    drawn = []
    for _ in range(4000):
        noise = np.triu(pair_errors * rng.normal(size=(3, 3)), 1)
        estimate = payoff_from_interactions(
            u + u_errors * rng.normal(size=3), noise + noise.T, roles=roles, shares=shares
        )
        drawn.append((*estimate.payoff.constant, *estimate.payoff.matrix.ravel()))
    expected = np.std(drawn, axis=0)
    assert errors.constant == pytest.approx(expected[:2], rel=0.06)
    assert errors.matrix.ravel() == pytest.approx(expected[2:], rel=0.06, abs=1e-12)


def history(payoff, members, noise, seed):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(len(payoff.constant)), size=members)
    return shares, payoff.potential(shares) + noise * rng.normal(size=members)


def test_history_recovers_the_potential():
    payoff = payoff_of(3, 2)
    shares, outcomes = history(payoff, 300, 1e-4, 3)
    fit = payoff_from_history(shares, outcomes, lineages=np.arange(300) % 20)
    assert fit.cross_validated_r2 > 0.999
    assert fit.residual == pytest.approx(1e-4, rel=0.2)
    fresh = np.random.default_rng(9).dirichlet(np.ones(3), size=50)
    difference = fit.estimate.payoff.potential(fresh) - payoff.potential(fresh)
    assert np.abs(difference).max() < 1e-3
    assert (np.diag(fit.estimate.payoff.matrix) == 0).all()


def test_error_bars_of_a_history_cover_the_truth():
    payoff = LinearPayoff(
        constant=np.array([0.5, -0.3, 0.1]),
        matrix=np.array([[0.0, 0.8, -0.4], [0.8, 0.0, 0.5], [-0.4, 0.5, 0.0]]),
    )
    truth = np.array([0.5, -0.3, 0.1, 0.8, -0.4, 0.5])
    inside = []
    for seed in range(40):
        shares, outcomes = history(payoff, 120, 0.05, seed)
        fit = payoff_from_history(shares, outcomes, lineages=np.arange(120) % 12)
        errors, found = fit.estimate.standard_errors(), fit.estimate.payoff
        pair = np.triu_indices(3, 1)
        estimate = np.array([*found.constant, *found.matrix[pair]])
        inside.append(
            np.abs(estimate - truth) < 1.96 * np.array([*errors.constant, *errors.matrix[pair]])
        )
    assert np.mean(inside) > 0.88


def test_a_history_without_signal_says_so():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(4), size=60)
    fit = payoff_from_history(shares, rng.normal(size=60), lineages=np.arange(60) % 10)
    assert fit.cross_validated_r2 < 0.1


def test_equilibrium_of_estimated_payoffs_has_honest_errors():
    payoff = concave(3)
    (truth,) = evolutionarily_stable_states(payoff.as_matrix())
    covariance = np.diag([0.02**2] * 3 + [0.05**2] * 6)
    rng = np.random.default_rng(0)
    exact = EstimatedPayoff(payoff=payoff, covariance=covariance)
    found = uncertain_equilibrium(exact, [0.2, 0.2, 0.6], rng=rng, draws=100)
    assert found.state == pytest.approx(truth, abs=1e-10)
    assert found.is_stable
    assert found.same_roles == 1
    assert ((found.low < truth) & (truth < found.high)).all()
    constants, matrices = exact.draws(40, rng)
    inside = []
    for b, a in zip(constants, matrices, strict=True):
        noisy = EstimatedPayoff(payoff=LinearPayoff(constant=b, matrix=a), covariance=covariance)
        measured = uncertain_equilibrium(noisy, [0.3, 0.3, 0.4], rng=rng, draws=60)
        inside.append((measured.low <= truth) & (truth <= measured.high))
    assert np.mean(inside) > 0.85


def test_equilibrium_tells_when_the_surviving_roles_are_unknown():
    payoff = LinearPayoff(constant=np.array([1.0, 1.01]), matrix=np.zeros((2, 2)))
    estimate = EstimatedPayoff(payoff=payoff, covariance=np.diag([0.1, 0.1, 0, 0, 0]) ** 2)
    found = uncertain_equilibrium(estimate, [0.5, 0.5], rng=np.random.default_rng(0))
    assert found.same_roles < 0.7
    assert found.state == pytest.approx([0, 1], abs=1e-3)


def test_shares_against_size_have_honest_prediction_intervals():
    sizes = 10.0 ** np.linspace(5, 7, 6)
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(300):
        first = 0.5 + 0.05 * (np.log10(sizes) - 6) + 0.01 * rng.normal(size=6)
        second = 0.3 - 0.02 * (np.log10(sizes) - 6) + 0.01 * rng.normal(size=6)
        shares = np.stack([first, second, 1 - first - second], axis=1)
        trend = share_trend(sizes, shares, np.full((6, 3), 0.01))
        assert trend.slopes.sum() == pytest.approx(0, abs=1e-12)
        prediction = trend.predict(1e8)
        assert prediction.shares.sum() == pytest.approx(1)
        new = 0.5 + 0.05 * 2 + 0.01 * rng.normal()
        inside.append(prediction.low[0] <= new <= prediction.high[0])
    assert np.mean(inside) > 0.92


def test_trend_matches_least_squares_and_tells_when_it_leaves_the_simplex():
    sizes = np.array([1e5, 3e5, 1e6, 1e7])
    first = np.array([0.5, 0.4, 0.35, 0.1])
    shares = np.stack([first, 1 - first], axis=1)
    errors = np.array([[0.01], [0.02], [0.01], [0.05]]) * np.ones((1, 2))
    trend = share_trend(sizes, shares, errors)
    slope, intercept = np.polyfit(np.log10(sizes), first, 1, w=1 / errors[:, 0])
    assert trend.slopes[0] == pytest.approx(slope)
    assert trend.predict(1.0).shares[0] == pytest.approx(intercept)
    assert trend.predict(1e6).is_on_simplex
    assert not trend.predict(1e12).is_on_simplex


def test_bad_measurements_are_refused_with_a_remedy():
    ok = {"roles": [0, 1], "shares": [0.5, 0.5]}
    with pytest.raises(ValueError, match="Order all by component"):
        payoff_from_interactions([1.0, 2.0], np.zeros((3, 3)), **ok)
    with pytest.raises(ValueError, match="Leave out absent roles"):
        payoff_from_interactions([1.0, 2.0], np.zeros((2, 2)), roles=[0, 0], shares=[0.5, 0.5])
    with pytest.raises(ValueError, match="Average both measurements"):
        payoff_from_interactions([1.0, 2.0], [[0, 1], [2, 0]], **ok)
    with pytest.raises(ValueError, match="Standard errors must not be negative"):
        payoff_from_interactions([1.0, 2.0], np.zeros((2, 2)), value_errors=[-1, 0], **ok)
    with pytest.raises(ValueError, match="NaN or infinity in b or A"):
        payoff_from_interactions([np.nan, 2.0], np.zeros((2, 2)), **ok)
    with pytest.raises(ValueError, match=r"shares\[0\].*the sum 0.9"):
        payoff_from_history([[0.5, 0.4]] * 3, np.zeros(3), lineages=[0, 1, 2])
    with pytest.raises(ValueError, match="at least 3 lineages, but got 1"):
        payoff_from_history([[0.5, 0.5]] * 3, np.zeros(3), lineages=[0, 0, 0])
    with pytest.raises(ValueError, match="Leave out members that failed"):
        payoff_from_history([[0.5, 0.5]] * 3, [0, np.nan, 0], lineages=[0, 1, 2])
    with pytest.raises(ValueError, match="3 different sizes"):
        share_trend([1e5, 1e5, 1e6], [[0.5, 0.5]] * 3, np.ones((3, 2)))
    with pytest.raises(ValueError, match="above 0, but got others"):
        share_trend([1e5, 1e6, 1e7], [[0.5, 0.5]] * 3, np.zeros((3, 2)))
    trend = share_trend([1e5, 1e6, 1e7], [[0.5, 0.5]] * 3, np.ones((3, 2)))
    with pytest.raises(ValueError, match="parameters=-1"):
        trend.predict(-1)
    exact = EstimatedPayoff(payoff=concave(2), covariance=np.zeros((5, 5)))
    with pytest.raises(ValueError, match="draws=1"):
        uncertain_equilibrium(exact, [0.5, 0.5], rng=np.random.default_rng(0), draws=1)
    with pytest.raises(ValueError, match=r"shape \(5, 5\)"):
        EstimatedPayoff(payoff=concave(2), covariance=np.zeros((2, 2)))
