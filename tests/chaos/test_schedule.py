"""Faults are drawn from a seed, each kind once before any comes again."""

from itertools import islice

from tests.chaos.faults import FAULTS
from tests.chaos.schedule import MOST_EVENTS, planned


def test_the_same_seed_plans_the_same_faults():
    first, again, other = (list(islice(planned(tuple(FAULTS), seed=s), 40)) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_kind_comes_once_before_any_comes_again():
    plans = planned(tuple(FAULTS), seed=3)
    for _ in range(3):
        turn = list(islice(plans, len(FAULTS)))
        assert {plan.kind for plan in turn} == FAULTS.keys()
        assert all(1 <= plan.after_events <= MOST_EVENTS for plan in turn)
