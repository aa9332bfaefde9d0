"""Games with published solutions: for tests, examples and documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.game.coalitions import all_coalitions, check_players

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.game.coalitions import Values


def prisoners_dilemma(
    *, temptation: float = 5, reward: float = 3, punishment: float = 1, sucker: float = 0
) -> NDArray[np.float64]:  # (2, 2): cooperate, defect
    """Return the Prisoner's Dilemma (Axelrod 1984): only (defect, defect) is in equilibrium."""
    return np.array([[reward, sucker], [temptation, punishment]], dtype=np.float64)


def hawk_dove(*, value: float = 2, cost: float = 3) -> NDArray[np.float64]:  # (2, 2): hawk, dove
    """Return Hawk-Dove (Maynard Smith, Price 1973): for cost > value the ESS is V/C hawks."""
    return np.array([[(value - cost) / 2, value], [0, value / 2]], dtype=np.float64)


def rock_paper_scissors(
    *, win: float = 1, loss: float = 1
) -> NDArray[np.float64]:  # (3, 3): rock, paper, scissors
    """Return Rock-Paper-Scissors (Hofbauer, Sigmund 1998, section 7.7).

    win = loss: the centre, with closed orbits around it. win > loss ("good"): trajectories spiral
    inwards, the centre is an ESS. win < loss ("bad"): they spiral outwards.
    """
    return np.array([[0, -loss, win], [win, 0, -loss], [-loss, win, 0]], dtype=np.float64)


def stag_hunt(*, stag: float = 4, hare: float = 3) -> NDArray[np.float64]:  # (2, 2): stag, hare
    """Return the Stag Hunt (Skyrms 2004): both pure states are ESSs, basins meet at hare/stag."""
    return np.array([[stag, 0], [hare, hare]], dtype=np.float64)


def coordination(payoffs: ArrayLike) -> NDArray[np.float64]:  # (n, n)
    """Return pure coordination with these payoffs on the diagonal; every pure state is an ESS."""
    return np.diag(np.asarray(payoffs, dtype=np.float64))


def biased_rock_paper_scissors(
    eps: float,
) -> NDArray[np.float64]:  # (3, 3)
    """Return a biased Rock-Paper-Scissors with equilibrium (1 + eps, 1 + eps, 1) / (3 + 2 eps).

    Antisymmetric, as agent-against-agent evaluation is in Balduzzi et al. 2018 (arXiv:1806.02643):
    winning at the game that the third strategy does not play is worth 1, the others 1 + eps.
    """
    a = 1 + eps
    return np.array([[0, 1, -a], [-1, 0, a], [a, -a, 0]], dtype=np.float64)


def airport(costs: ArrayLike) -> Values:  # (n,) -> (2^n,)
    """Return the airport game (Littlechild, Owen 1973): v(S) = -max cost of S."""
    needs = np.asarray(costs, dtype=np.float64)
    members = all_coalitions(needs.size)
    table: Values = -np.max(np.where(members, needs, 0.0), axis=1)
    return table


def airport_shapley(costs: ArrayLike) -> NDArray[np.float64]:  # (n,) -> (n,)
    """Return its Shapley value: everyone shares the pieces of runway that it needs."""
    needs = np.asarray(costs, dtype=np.float64)
    order = np.argsort(needs, kind="stable")
    pieces = np.diff(needs[order], prepend=0.0) / np.arange(needs.size, 0, -1)
    shares = np.empty(needs.size)
    shares[order] = -np.cumsum(pieces)
    return shares


def glove(*, left: int, right: int) -> Values:  # (2^(left + right),)
    """Return the glove game (Shapley, Shubik 1969): a pair is worth 1; left gloves come first."""
    members = all_coalitions(left + right)
    left_gloves, right_gloves = members[:, :left].sum(axis=1), members[:, left:].sum(axis=1)
    pairs: Values = np.minimum(left_gloves, right_gloves).astype(np.float64)
    return pairs


def weighted_majority(weights: ArrayLike, *, quota: float) -> Values:  # (n,) -> (2^n,)
    """Return the game [quota; weights]: v(S) = 1 where the weight of S reaches the quota."""
    votes = np.asarray(weights, dtype=np.float64)
    wins: Values = (all_coalitions(votes.size) @ votes >= quota).astype(np.float64)
    return wins


def unanimity_sum(
    masks: ArrayLike,  # (m,)
    coefficients: ArrayLike,  # (m,)
    *,
    n: int,
) -> Values:  # (2^n,)
    """Return sum_m c_m u_{T_m}, where u_T(S) = 1 iff T <= S; c are its dividends (Shapley 1953)."""
    check_players(n)
    every = np.arange(1 << n, dtype=np.int64)
    table = np.zeros(1 << n)
    pairs = zip(np.asarray(masks).tolist(), np.asarray(coefficients).tolist(), strict=True)
    for mask, coefficient in pairs:
        table += coefficient * ((every & mask) == mask)
    return table
