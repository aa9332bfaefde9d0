import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.component_game import ComponentGame
from orchestrator.fitness import SUMMANDS, Fitness, FitnessRule, Standing, Unfit
from orchestrator.game_terms import GameEvidence, GameTerms, nash_advantages
from orchestrator.guard_rail import Correction
from orchestrator.horizon import ESTIMATORS, PowerLaw

CURVE = tuple((1000 * t, 2 + 3 * t**-0.5) for t in range(1, 11))


def standing(losses, *, flops=2e9, curve=CURVE):
    return Standing(
        batch_losses=losses, curve=curve, flops_per_token=flops, learning_rates=np.ones(64)
    )


def score(rule=None, *, losses=(3.0, 2.9), flops=2e9, horizon=10**5):
    (fitness,) = (rule or FitnessRule()).score(
        [standing(losses, flops=flops)], horizon_tokens=horizon
    )
    return fitness


@given(
    losses=st.lists(st.floats(0.1, 12), min_size=1, max_size=5),
    price=st.floats(0, 10),
    flops=st.floats(0, 1e12),
    name=st.sampled_from(sorted(ESTIMATORS)),
)
def test_value_is_minus_the_sum_of_its_parts(losses, price, flops, name):
    rule = FitnessRule(horizon=ESTIMATORS[name](), nats_per_gflop_per_token=price)
    fitness = score(rule, losses=tuple(losses), flops=flops)
    assert {part for part, _ in fitness.parts} == {*SUMMANDS, "standard_error"}
    assert math.isclose(fitness.value, -sum(fitness.part(part) for part in SUMMANDS))
    assert json.loads(json.dumps(fitness.to_json())) == fitness.to_json()


def test_without_a_price_and_a_horizon_fitness_is_minus_the_loss():
    assert math.isclose(score().value, -2.95)


def test_the_price_is_per_gflop_per_token():
    dear = score(FitnessRule(nats_per_gflop_per_token=0.1))
    assert math.isclose(dear.part("cost_price"), 0.2)
    assert math.isclose(dear.value, score().value - 0.2)


def test_the_horizon_correction_is_carried_apart_and_a_fallback_is_recorded():
    ahead = score(FitnessRule(horizon=PowerLaw()))
    assert ahead.horizon == "power_law"
    assert ahead.part("horizon_correction") < 0
    fallen_back = score(FitnessRule(horizon=PowerLaw()), horizon=10**4)
    assert (fallen_back.horizon, fallen_back.part("horizon_correction")) == ("present", 0.0)
    assert "is reached" in fallen_back.to_json()["horizon_reason"]


@pytest.mark.parametrize("losses", [(), (float("nan"),), (1.0, float("inf"))])
def test_a_loss_that_is_not_finite_is_no_fitness(losses):
    assert isinstance(score(losses=losses), Unfit)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_failed_are_not_scored_and_disturb_nobody(name):
    rule = FitnessRule(horizon=ESTIMATORS[name]())
    shifted = tuple((t, loss + 1) for t, loss in CURVE)
    two = [standing((3.0, 2.9)), standing((4.0, 3.9), curve=shifted)]
    failed = standing((float("nan"), 3.0))
    alone = rule.score(two, horizon_tokens=10**5)
    found = rule.score([two[0], failed, two[1]], others=[failed], horizon_tokens=10**5)
    assert (found[0], found[2]) == alone
    assert isinstance(found[1], Unfit)
    assert rule.score([failed], horizon_tokens=10**5) == (found[1],)


def test_others_are_learnt_from_and_not_scored():
    """Who has one point can be forecast once others have shown the shape."""
    rule = FitnessRule(horizon=ESTIMATORS["annealing"]())
    young = standing((4.0, 4.1), curve=((4000, 4.05),))
    (alone,) = rule.score([young], horizon_tokens=20_000)
    (helped,) = rule.score([young], others=[standing((3.0, 2.9))], horizon_tokens=20_000)
    assert alone.horizon == "present"
    assert "usable points" in alone.horizon_reason
    assert helped.horizon == "annealing"
    assert helped.part("horizon_correction") < 0


def test_fitness_refuses_parts_that_do_not_add_up():
    with pytest.raises(ValueError, match="standard_error"):
        Fitness(value=0.0, parts=tuple((name, 0.0) for name in SUMMANDS), horizon="present")
    parts = (
        ("loss_present", 3.0),
        ("horizon_correction", -1.0),
        ("cost_price", 0.0),
        ("standard_error", 0.1),
    )
    with pytest.raises(ValueError, match=r"the parts give -2\.0"):
        Fitness(value=-3.0, parts=parts, horizon="present")
    with pytest.raises(ValueError, match="nats_per_gflop_per_token >= 0"):
        FitnessRule(nats_per_gflop_per_token=-1.0)


def played(*, price=10.0, removed=1, rise=0.002, saved=0.001):
    return ComponentGame(
        price=price, margin=2.0, removed=(("head", 0, 0),) * removed, rise=rise if removed else 0.0,
        rise_error=1e-4, saved_gflops=saved if removed else 0.0, measured=(), components=8,
        base_loss=3.0, sequences=8, evaluations=9, flops=1e6, exploitability=0.0,
        exploitability_error=0.0,
    )  # fmt: skip


def score_game(terms, game, *, price=10.0, nash=0.0, rail=None, losses=(3.0, 2.9), horizon=10**5):
    evidence = GameEvidence(
        game=game, nash_advantage=nash, **({} if rail is None else {"guard_rail": rail})
    )
    told = replace(standing(losses, flops=5e6), evidence=evidence)
    (fitness,) = FitnessRule(game=terms).score([told], horizon_tokens=horizon, price=price)
    return fitness


def test_fitness_is_phi_at_the_best_reply():
    fitness = score_game(GameTerms(), played())
    assert fitness.value == pytest.approx(-(2.95 + 0.002) - 10.0 * (0.005 - 0.001))
    assert fitness.part("best_reply") == pytest.approx(0.002 - 0.01)


@pytest.mark.parametrize("game", [None, played(removed=0), played(rise=0.5)])
def test_it_equals_the_plain_fitness_when_no_move_pays(game):
    plain = score(FitnessRule(nats_per_gflop_per_token=10.0), flops=5e6)
    fitness = score_game(GameTerms(), game)
    assert fitness.value == plain.value
    assert str(fitness.part("best_reply")) == "0.0"  # and not -0.0, in the log


def test_exploitability_is_no_reward():
    """Phi at the best reply has charged waste once; E would charge it again."""
    wasteful = replace(played(), exploitability=5.0)
    assert score_game(GameTerms(), wasteful) == score_game(GameTerms(), played())


@given(
    gain=st.floats(0, 1),
    nash=st.floats(-1, 1),
    rail=st.floats(-1, 1),
    weights=st.tuples(st.floats(0, 2), st.floats(0, 2)),
)
def test_all_terms_sum_and_weights_of_0_leave_them_out(gain, nash, rail, weights):
    terms = GameTerms(remaining_improvement=weights[0], nash_average=weights[1], guard_rail=True)
    game = played(rise=0.0, saved=gain / 10.0)
    rail = Correction(nats=rail, reason="corrected: R^2 0.5")
    fitness = score_game(terms, game, nash=nash, rail=rail)
    parts = dict(fitness.parts)
    assert math.isclose(
        fitness.value,
        -sum(nats for name, nats in parts.items() if name != "standard_error"),
        abs_tol=1e-9,
    )
    assert parts["guard_rail"] == rail.nats
    assert ("nash_average" in parts) == (weights[1] > 0)
    assert ("remaining_improvement" in parts) == (weights[0] > 0)
    assert parts.get("nash_average", 0.0) == pytest.approx(-weights[1] * nash)
    assert fitness.to_json()["guard_rail"] == "corrected: R^2 0.5"


def test_remaining_improvement_favours_those_that_still_learn():
    fitness = score_game(GameTerms(remaining_improvement=0.5), None)
    ahead = score(FitnessRule(horizon=PowerLaw()))
    assert fitness.part("remaining_improvement") == pytest.approx(
        0.5 * ahead.part("horizon_correction")
    )
    assert fitness.part("remaining_improvement") < 0


def test_a_domain_that_is_there_twice_counts_once_in_the_nash_average():
    losses = {0: (1.0, 3.0), 1: (3.0, 1.0), 2: (2.5, 2.5)}
    once = nash_advantages(losses)
    twice = nash_advantages({m: (a, a, b) for m, (a, b) in losses.items()})
    for member, (a, b) in losses.items():
        rating = once[member] - (a + b) / 2
        again = twice[member] - (2 * a + b) / 3
        assert again == pytest.approx(rating, abs=1e-9)
    assert nash_advantages({}) == {}


@pytest.mark.parametrize("name", ["remaining_improvement", "nash_average"])
def test_weights_are_not_negative(name):
    with pytest.raises(ValueError, match=f"`{name} >= 0` must hold, but got -1"):
        GameTerms(**{name: -1.0})


def test_parts_are_known_by_name():
    parts = (*((name, 0.0) for name in SUMMANDS), ("standard_error", 0.0), ("bonus", 1.0))
    with pytest.raises(ValueError, match="bonus"):
        Fitness(value=-1.0, parts=parts, horizon="present")
