import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.fitness import SUMMANDS, Fitness, FitnessRule, Unfit
from orchestrator.horizon import ESTIMATORS, PowerLaw

CURVE = tuple((1000 * t, 2 + 3 * t**-0.5) for t in range(1, 11))


def score(rule=None, *, losses=(3.0, 2.9), flops=2e9, horizon=10**5):
    return (rule or FitnessRule()).score(
        batch_losses=losses, curve=CURVE, horizon_tokens=horizon, flops_per_token=flops
    )


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
