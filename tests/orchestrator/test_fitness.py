import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.fitness import SUMMANDS, Fitness, FitnessRule, Standing, Unfit
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
