"""Fixation probabilities, stationary distributions and alpha-rank against second formulas."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.game import known_games
from orchestrator.game.dynamics import (
    alpha_rank,
    alpha_rank_symmetric,
    moran_fixation,
    pairwise_comparison_fixation,
    rare_mutation_chain,
    stationary_distribution,
)
from orchestrator.game.inputs import DegenerateGameWarning


def by_absorption(payoffs, i, j, population, ratio):
    """Fixation from the birth-death chain itself: h(k) = (T+ h(k+1) + T- h(k-1)) / (T+ + T-)."""
    z = population
    system, right = np.eye(z + 1), np.zeros(z + 1)
    right[z] = 1
    for k in range(1, z):
        mutant = (payoffs[i, i] * (k - 1) + payoffs[i, j] * (z - k)) / (z - 1)
        resident = (payoffs[j, i] * k + payoffs[j, j] * (z - k - 1)) / (z - 1)
        down = ratio(mutant, resident)
        system[k, k + 1] -= 1 / (1 + down)
        system[k, k - 1] -= down / (1 + down)
    return np.linalg.solve(system, right)[1]


def test_fixation_matches_absorption_in_the_chain():
    a = np.random.default_rng(0).uniform(0, 2, size=(3, 3))
    z, w = 12, 0.4
    fermi = pairwise_comparison_fixation(a, population=z, intensity=w)
    moran = moran_fixation(a, population=z, intensity=w)
    for i, j in itertools.permutations(range(3), 2):
        assert fermi[i, j] == pytest.approx(
            by_absorption(a, i, j, z, lambda m, r: np.exp(-w * (m - r)))
        )
        assert moran[i, j] == pytest.approx(
            by_absorption(a, i, j, z, lambda m, r: (1 - w + w * r) / (1 - w + w * m))
        )


def test_neutral_mutants_fix_one_in_z():
    a = np.random.default_rng(0).normal(size=(4, 4))
    for function in (pairwise_comparison_fixation, moran_fixation):
        assert function(a, population=20, intensity=0.0) == pytest.approx(np.full((4, 4), 1 / 20))


def test_fixation_at_constant_fitness_is_published():
    # Moran 1958: (1 - 1/r) / (1 - 1/r^Z) for a mutant of relative fitness r.
    r, z = 1.5, 30
    a = np.array([[r, r], [1.0, 1.0]])
    rho = moran_fixation(a, population=z, intensity=1.0)
    assert rho[0, 1] == pytest.approx((1 - 1 / r) / (1 - r**-z))
    assert rho[1, 0] == pytest.approx((1 - r) / (1 - r**z))


def test_one_third_law():
    # Nowak et al. 2004: in a coordination game and weak selection a mutant is favoured (rho > 1/Z)
    # iff the unstable equilibrium lies below 1/3.
    for threshold, favoured in ((0.30, True), (0.36, False)):
        a = np.array([[1 - threshold, 0], [0, threshold]])  # indifferent at x = threshold
        rho = pairwise_comparison_fixation(a, population=1000, intensity=1e-4)[0, 1]
        assert (rho > 1 / 1000) == favoured


def test_strong_selection_does_not_overflow():
    rho = pairwise_comparison_fixation(
        known_games.prisoners_dilemma(), population=100, intensity=1e4
    )
    assert rho[1, 0] == pytest.approx(1)
    assert 0 <= rho[0, 1] < 1e-300


@given(st.integers(1, 150), st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_stationary_distribution_is_stationary(n, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(n), size=n)
    distribution = stationary_distribution(p)
    assert distribution.sum() == pytest.approx(1)
    assert distribution @ p == pytest.approx(distribution, abs=1e-14)


def test_stationary_distribution_keeps_digits_over_sixty_decades():
    # A birth-death chain is in detailed balance: pi_k / pi_{k-1} = up / down, whatever the sizes.
    rng = np.random.default_rng(0)
    n = 150
    up, down = 10.0 ** -rng.uniform(0, 60, n - 1), 10.0 ** -rng.uniform(0, 60, n - 1)
    up, down = np.minimum(up, 0.4), np.minimum(down, 0.4)
    # Rates balanced in the large, so that the products stay within the range of numbers.
    up[1::2], down[1::2] = down[0:-1:2][: len(up[1::2])], up[0:-1:2][: len(up[1::2])]
    p = np.diag(up, 1) + np.diag(down, -1)
    distribution = stationary_distribution(p)
    assert distribution[1:] * down == pytest.approx(distribution[:-1] * up, rel=1e-10)


def test_rare_mutations_favour_the_risk_dominant_convention():
    a = known_games.stag_hunt(stag=4, hare=3)
    rho = pairwise_comparison_fixation(a, population=50, intensity=1.0)
    chain = rare_mutation_chain(rho)
    assert chain.sum(axis=1) == pytest.approx(1)
    stag, hare = stationary_distribution(chain)
    assert stag / hare == pytest.approx(rho[0, 1] / rho[1, 0])
    assert hare > 0.99


def dense_alpha_rank(payoffs, alpha, m):
    """The definition, state by state, and the null vector of I - C'."""
    shape = payoffs[0].shape
    profiles = list(itertools.product(*map(range, shape)))
    eta = 1 / sum(k - 1 for k in shape)
    c = np.zeros((len(profiles), len(profiles)))
    for s, profile in enumerate(profiles):
        for player, size in enumerate(shape):
            for strategy in range(size):
                if strategy == profile[player]:
                    continue
                mutant = (*profile[:player], strategy, *profile[player + 1 :])
                u = alpha * (payoffs[player][mutant] - payoffs[player][profile])
                rho = 1 / m if u == 0 else (1 - np.exp(-u)) / (1 - np.exp(-m * u))
                c[s, profiles.index(mutant)] = eta * rho
        c[s, s] = 1 - c[s].sum()
    system = np.vstack([c.T - np.eye(len(profiles)), np.ones(len(profiles))])
    right = np.append(np.zeros(len(profiles)), 1.0)
    return np.linalg.lstsq(system, right, rcond=None)[0].reshape(shape)


def test_alpha_rank_matches_its_definition():
    rng = np.random.default_rng(0)
    payoffs = list(rng.normal(size=(3, 2, 3, 4)))
    assert alpha_rank(payoffs, alpha=0.3, population=8) == pytest.approx(
        dense_alpha_rank(payoffs, 0.3, 8), abs=1e-11
    )


def test_alpha_rank_of_published_games():
    # Omidshafiei et al. 2019, section 3.3: Rock-Paper-Scissors is uniform at every alpha.
    rps = known_games.rock_paper_scissors()
    for alpha in (0.1, 10.0, 1e4):
        assert alpha_rank_symmetric(rps, alpha=alpha) == pytest.approx(np.full(3, 1 / 3))
    # Biased Rock-Paper-Scissors (ibid., fig. 6): uniform at infinite alpha, for the cycle is the
    # only sink.
    biased = known_games.biased_rock_paper_scissors(0.5)
    assert alpha_rank_symmetric(biased, alpha=1e4) == pytest.approx(np.full(3, 1 / 3))
    # Battle of the Sexes (ibid., fig. 7): half and half on the coordinated profiles.
    a = np.array([[3.0, 0], [0, 2]])
    mass = alpha_rank([a, np.array([[2.0, 0], [0, 3]])], alpha=0.3)
    assert mass[0, 0] == pytest.approx(0.5, abs=1e-6)
    assert mass[1, 1] == pytest.approx(0.5, abs=1e-6)
    dilemma = known_games.prisoners_dilemma()
    assert alpha_rank([dilemma, dilemma.T], alpha=100.0)[1, 1] == pytest.approx(1)


def test_alpha_rank_at_large_alpha_is_certain_or_says_that_it_is_not():
    with pytest.warns(DegenerateGameWarning, match="2 sets of profiles"):
        mass = alpha_rank([np.eye(2), np.eye(2)], alpha=1e5)
    assert mass[0, 1] + mass[1, 0] < 1e-50
    # Two sinks whose rates differ by ninety decades, in order: nothing is lost.
    a = known_games.coordination([1.0, 1.2])
    mass = alpha_rank([a, a], alpha=3.0)
    assert mass[1, 1] == pytest.approx(1)
    assert mass[0, 0] / mass[1, 1] == pytest.approx(
        np.exp(-3.0 * 49 * 0.2) * (1 - np.exp(-3.6)) / (1 - np.exp(-3.0)) * 1.0, rel=0.1
    )


def test_bad_numbers_are_refused_with_a_remedy():
    a = known_games.hawk_dove()
    with pytest.raises(ValueError, match="population=1"):
        pairwise_comparison_fixation(a, population=1, intensity=1.0)
    with pytest.raises(ValueError, match=r"smallest fitness -.*Lower w"):
        moran_fixation(a - 5, population=10, intensity=0.9)
    with pytest.raises(ValueError, match="alpha=-1"):
        alpha_rank_symmetric(a, alpha=-1)
    with pytest.raises(ValueError, match="alpha_rank_symmetric for one"):
        alpha_rank([a], alpha=1)
    with pytest.raises(ValueError, match="must have a way out"):
        stationary_distribution(np.eye(3))
    with pytest.raises(ValueError, match="not negative"):
        stationary_distribution([[0.0, -1.0], [1.0, 0.0]])
