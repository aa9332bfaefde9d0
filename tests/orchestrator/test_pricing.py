"""The price of cost: the slope of the population's front, moved a part of the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pricing import MOVE, front_price

FRONT = ((1.0, 2.0, 3.0), (3.0, 2.4, 2.0))


def test_the_first_price_is_the_slope_and_later_ones_follow_it():
    first = front_price(*FRONT, before=None)
    assert first.value == pytest.approx(0.5)
    assert "3 members" in first.reason
    assert front_price(*FRONT, before=1.5).value == pytest.approx(1.5 - MOVE)


def test_where_cost_buys_nothing_the_price_falls():
    priced = front_price((1.0, 2.0), (2.0, 2.5), before=1.0)
    assert priced.value == pytest.approx(1.0 - MOVE)
    assert priced.reason == "no member is better than the cheapest one"
    assert front_price((1.0, 2.0), (2.0, 2.5), before=None).value == 0.0


@pytest.mark.parametrize("costs", [(), (2.0,), (2.0, 2.0, 2.0)])
def test_members_that_cost_the_same_leave_the_price_as_it_is(costs):
    losses = tuple(2.0 + at for at in range(len(costs)))
    assert front_price(costs, losses, before=0.7).value == 0.7
    assert front_price(costs, losses, before=None).value == 0.0


@given(
    members=st.lists(st.tuples(st.floats(0.001, 10), st.floats(1, 9)), min_size=1, max_size=8),
    before=st.none() | st.floats(0, 100),
)
def test_a_price_is_never_negative_and_does_not_depend_on_the_order(members, before):
    costs, losses = zip(*members, strict=True)
    priced = front_price(costs, losses, before=before)
    assert priced.value >= 0
    assert front_price(costs[::-1], losses[::-1], before=before) == priced
