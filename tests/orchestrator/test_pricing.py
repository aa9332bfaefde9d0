"""The price of cost: the slope of the population's front, held down, and moved a part of the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pricing import MOVE, front_price

FRONT = ((1.0, 2.0, 3.0), (3.0, 2.4, 2.0))


def test_the_price_follows_the_slope_and_starts_at_nothing():
    first = front_price(*FRONT, before=0.0)
    assert first.value == pytest.approx(MOVE * 0.5)
    assert "3 members" in first.reason
    assert front_price(*FRONT, before=1.5).value == pytest.approx(1.5 - MOVE)
    price = 0.0
    for _ in range(60):
        price = front_price(*FRONT, before=price).value
    assert price == pytest.approx(0.5)


def test_two_members_of_nearly_the_same_cost_set_no_price_for_the_others():
    """A slope of 1000 would make the dearest member's cost weigh 5000 nats."""
    priced = front_price((1.0, 1.001, 6.0), (3.0, 2.0, 2.5), before=0.0)
    assert priced.value == pytest.approx(MOVE * 1.0 / 5.0)
    assert "held down from 1000" in priced.reason


def test_where_cost_buys_nothing_the_price_falls():
    priced = front_price((1.0, 2.0), (2.0, 2.5), before=1.0)
    assert priced.value == pytest.approx(1.0 - MOVE)
    assert priced.reason == "no member is better than the cheapest one"
    assert front_price((1.0, 2.0), (2.0, 2.5), before=0.0).value == 0.0


@pytest.mark.parametrize("costs", [(), (2.0,), (2.0, 2.0, 2.0)])
def test_members_that_cost_the_same_leave_the_price_as_it_is(costs):
    losses = tuple(2.0 + at for at in range(len(costs)))
    assert front_price(costs, losses, before=0.7).value == 0.7


@given(
    members=st.lists(st.tuples(st.floats(0.001, 10), st.floats(1, 9)), min_size=1, max_size=8),
    before=st.floats(0, 100),
)
def test_a_price_is_never_negative_nor_outweighs_the_losses(members, before):
    costs, losses = zip(*members, strict=True)
    priced = front_price(costs, losses, before=before)
    assert priced.value >= 0
    assert front_price(costs[::-1], losses[::-1], before=before) == priced
    weight = front_price(costs, losses, before=0.0).value * (max(costs) - min(costs))
    assert weight <= MOVE * (max(losses) - min(losses)) + 1e-9
