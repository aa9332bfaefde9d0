"""The plan of heads: its laws, for all numbers of heads."""

import itertools

import pytest

from trainers.morphism.head_plan import plan_heads
from trainers.morphism.weight import NEW

GROUPS = [(h, k) for h in range(1, 9) for k in range(1, h + 1) if h % k == 0]


@pytest.mark.parametrize(("heads", "kv_heads"), GROUPS)
def test_laws_of_the_plan(heads, kv_heads):
    usefulness = [(7 * h) % heads + 1.0 for h in range(heads)]
    for child_heads, child_kv_heads in GROUPS:
        plan = plan_heads(
            usefulness, kv_heads=kv_heads, child_heads=child_heads, child_kv_heads=child_kv_heads
        )
        kept = [h for h in plan.queries if h != NEW]
        assert len(plan.queries) == child_heads
        assert len(plan.shares) == child_kv_heads
        assert kept == sorted(set(kept))  # once each, in the donor's order
        assert kept
        # Every kept head reads (a mean with) the key-value head it was trained with.
        size, child_size = heads // kv_heads, child_heads // child_kv_heads
        for slot, h in enumerate(plan.queries):
            if h != NEW:
                assert plan.shares[slot // child_size][h // size] > 0
        # No head is given up without need when key-value heads are not fewer.
        room = kv_heads * -(-size // child_size) <= child_kv_heads
        assert plan.preserving == room
        if plan.preserving:
            assert len(kept) == heads
            totals = [sum(row[k] for row in plan.shares) for k in range(kv_heads)]
            assert totals == pytest.approx([1.0] * kv_heads)


@pytest.mark.parametrize(("heads", "kv_heads"), GROUPS)
def test_equal_numbers_are_the_identity(heads, kv_heads):
    plan = plan_heads([1.0] * heads, kv_heads=kv_heads, child_heads=heads, child_kv_heads=kv_heads)
    assert plan.queries == tuple(range(heads))
    assert plan.shares == tuple(
        tuple(float(i == j) for j in range(kv_heads)) for i in range(kv_heads)
    )


def test_neighbouring_groups_are_pooled():
    plan = plan_heads([1.0] * 4, kv_heads=4, child_heads=4, child_kv_heads=2)
    assert plan.queries == (0, 1, 2, 3)
    assert plan.shares == ((1, 1, 0, 0), (0, 0, 1, 1))
    assert not plan.preserving


def test_pruning_whole_heads_keeps_the_best_subset():
    for usefulness in itertools.permutations([1.0, 2.0, 3.0, 4.0]):
        plan = plan_heads(usefulness, kv_heads=4, child_heads=2, child_kv_heads=2)
        assert {usefulness[h] for h in plan.queries} == {3.0, 4.0}
