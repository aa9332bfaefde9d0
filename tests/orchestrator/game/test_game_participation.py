"""The participation game: potential, equilibria, exploitability, strictness, price."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.game.participation import (
    MeasuredMoves,
    best_reply_path,
    exploitability,
    holm,
    is_equilibrium,
    potential,
    price_from_front,
    pure_equilibria,
    strict_equilibrium_test,
)


def random_game(n, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=1 << n), rng.uniform(0, 1, n)


def moves(worth, errors, costs):
    return MeasuredMoves(
        worth=np.array(worth, dtype=float),
        standard_errors=np.array(errors, dtype=float),
        costs=np.array(costs, dtype=float),
    )


@given(st.integers(1, 7), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_a_move_gains_its_mover_what_the_potential_gains(n, seed):
    v, c = random_game(n, seed)
    phi = potential(v, c)
    rng = np.random.default_rng(seed)
    mask, player = int(rng.integers(1 << n)), int(rng.integers(n))
    other = mask ^ 1 << player

    def utility(s):
        return v[s] - c[player] * (s >> player & 1)

    assert phi[other] - phi[mask] == pytest.approx(utility(other) - utility(mask), abs=1e-12)


@given(st.integers(1, 7), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_equilibria_exist_and_better_replies_reach_them(n, seed):
    v, c = random_game(n, seed)
    phi = potential(v, c)
    found = pure_equilibria(v, c).tolist()
    assert found[0] == int(np.argmax(phi))
    assert found == sorted(
        (mask for mask in range(1 << n) if is_equilibrium(v, c, mask)), key=lambda m: -phi[m]
    )
    path = best_reply_path(v, c, start=(1 << n) - 1)
    assert path[-1] in found
    assert (np.diff(phi[path]) > 0).all()


def test_exploitability_is_zero_exactly_at_equilibrium():
    v, c = random_game(5, 3)
    for mask in range(32):
        present = [k for k in range(5) if mask >> k & 1]
        absent = [k for k in range(5) if not mask >> k & 1]
        e = exploitability(
            moves(
                [v[mask] - v[mask ^ 1 << k] for k in present], np.zeros(len(present)), c[present]
            ),
            moves([v[mask ^ 1 << k] - v[mask] for k in absent], np.zeros(len(absent)), c[absent]),
            z=0.0,
        )
        phi = potential(v, c)
        gains = [max(phi[mask ^ 1 << k] - phi[mask], 0) for k in range(5)]
        assert e.total == pytest.approx(sum(gains))
        assert (e.total == 0) == is_equilibrium(v, c, mask)


def test_exploitability_counts_only_what_noise_cannot_explain():
    present = moves([0.10, 0.50, 0.10], [0.05, 0.05, 0.5], [0.30, 0.30, 0.30])
    e = exploitability(present, moves([0.9], [0.1], [0.3]), z=2.0)
    assert e.by_present == pytest.approx([0.1, 0, 0])
    assert e.by_candidate == pytest.approx([0.4])
    assert e.total == pytest.approx(0.5)
    assert e.standard_error == pytest.approx(np.hypot(0.05, 0.1))


def test_strictness_is_a_level_and_every_claim_is_needed():
    sure = moves([1.0, 1.0], [0.1, 0.1], [0.2, 0.2])
    verdict = strict_equilibrium_test(sure, moves([0.0], [0.1], [0.5]))
    assert verdict.is_strict
    assert verdict.attained < 1e-5
    doubtful = strict_equilibrium_test(moves([1.0, 0.25], [0.1, 0.1], [0.2, 0.2]), sure.none())
    assert not doubtful.is_strict
    assert doubtful.attained == pytest.approx(0.30854, abs=1e-5)  # P(z > 0.5)
    exact = strict_equilibrium_test(moves([1.0, 0.2], [0, 0], [0.2, 0.2]), sure.none())
    assert exact.present.tolist() == [0, 1]  # a tie is no strict equilibrium


def test_student_is_more_careful_than_normal():
    present = moves([0.5], [0.2], [0.0])
    normal = strict_equilibrium_test(present, MeasuredMoves.none())
    student = strict_equilibrium_test(present, MeasuredMoves.none(), degrees_of_freedom=5)
    assert student.attained > normal.attained


def test_holm_steps_down_and_never_falls():
    # 4 x .01, 3 x .02, 2 x .03, 1 x .04, each at least the one before.
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])


def test_holm_holds_its_level_when_nothing_is_strict():
    rng = np.random.default_rng(0)
    false_claims = 0
    for _ in range(1000):
        noisy = moves(0.3 + 0.1 * rng.normal(size=8), np.full(8, 0.1), np.full(8, 0.3))
        verdict = strict_equilibrium_test(noisy, MeasuredMoves.none())
        false_claims += bool((verdict.present <= 0.05).any())
    assert false_claims <= 50 + 3 * np.sqrt(1000 * 0.05 * 0.95)


def test_price_is_the_slope_of_the_front():
    costs = [1.0, 2.0, 3.0, 4.0, 2.5, 5.0]
    losses = [4.0, 3.0, 2.5, 2.4, 3.4, 2.6]
    within = price_from_front(costs, losses, at=1.5)
    assert within.front.tolist() == [0, 1, 2, 3]
    assert within.value == within.buying == within.selling == pytest.approx(1.0)
    at_vertex = price_from_front(costs, losses, at=2.0)
    assert (at_vertex.buying, at_vertex.selling) == pytest.approx((0.5, 1.0))
    assert price_from_front(costs, losses, at=0.1).value == pytest.approx(1.0)
    assert price_from_front(costs, losses, at=9.0).value == pytest.approx(0.1)


@given(st.integers(2, 30), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_prices_fall_along_the_front_and_no_member_lies_below_it(n, seed):
    rng = np.random.default_rng(seed)
    c, noise = rng.uniform(1, 9, n), 0.3 * rng.normal(size=n)
    loss = 3 / c + noise - 2 * c.argsort().argsort() / n
    front = price_from_front(c, loss, at=2.0).front
    slopes = -np.diff(loss[front]) / np.diff(c[front])
    assert (np.diff(slopes) < 1e-12).all()
    assert (slopes > 0).all()
    inside = (c >= c[front[0]]) & (c <= c[front[-1]])
    assert (loss[inside] >= np.interp(c[inside], c[front], loss[front]) - 1e-12).all()


def test_bad_input_is_refused_with_a_remedy():
    v, c = random_game(3, 0)
    with pytest.raises(ValueError, match=r"not negative, but got -1.0 for component 1"):
        potential(v, [0.0, -1.0, 0.0])
    with pytest.raises(ValueError, match="one cost, but got the shape"):
        pure_equilibria(v, c[:2])
    with pytest.raises(ValueError, match="one standard error"):
        moves([1.0], [0.1, 0.1], [0.0])
    with pytest.raises(ValueError, match="NaN or infinity"):
        moves([np.nan], [0.1], [0.0])
    with pytest.raises(ValueError, match="Give 0 where a worth is exact"):
        moves([1.0], [-0.1], [0.0])
    with pytest.raises(ValueError, match="z=-1"):
        exploitability(MeasuredMoves.none(), MeasuredMoves.none(), z=-1)
    with pytest.raises(ValueError, match="none present and no candidate"):
        strict_equilibrium_test(MeasuredMoves.none(), MeasuredMoves.none())
    with pytest.raises(ValueError, match="level=2"):
        strict_equilibrium_test(moves([1], [1], [1]), MeasuredMoves.none(), level=2)
    with pytest.raises(ValueError, match="the cheapest is the best"):
        price_from_front([1.0, 2.0], [1.0, 1.5], at=1.0)
    with pytest.raises(ValueError, match="costs not negative"):
        price_from_front([-1.0, 2.0], [1.0, 1.5], at=1.0)
