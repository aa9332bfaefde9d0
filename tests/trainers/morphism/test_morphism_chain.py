"""Chains of moves, and any donor to any child."""

import math

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainers.morphism import morph

few = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@few
@given(data=st.data())
def test_random_chains_of_growth_keep_the_logits(bench, data):
    start = data.draw(bench.architectures(), label="donor")
    donor = state = bench.donor(start, seed=data.draw(st.integers(0, 9)), steps=2)
    for link in range(data.draw(st.integers(1, 5))):
        child = data.draw(bench.grown(state.architecture), label=f"child {link}")
        state, record = morph(state, child, seed=link)
        assert record.preserving, record.moves
        assert state.architecture == child
        assert bench.difference(donor, state) < 1e-5, record.moves


@few
@given(data=st.data())
def test_any_donor_becomes_any_child_and_trains_on(bench, data):
    start = data.draw(bench.architectures(), label="donor")
    target = data.draw(bench.architectures(), label="child")
    donor = bench.donor(start, steps=2, measured=data.draw(st.booleans()), scrambled=False)
    state, record = morph(donor, target, seed=3)
    model = bench.load(state)  # strictly
    if record.preserving:
        assert bench.difference(donor, state) < 1e-5

    # Slots: exactly those of an optimizer of the child, of the right shapes, finite.
    slots = {n for n in state.tensors if n.startswith("optimizer.")}
    names = [n for n, _ in model.named_parameters()]
    assert slots == {f"optimizer.{n}.{s}" for n in names for s in ("step", "exp_avg", "exp_avg_sq")}
    storages = [t.untyped_storage().data_ptr() for t in state.tensors.values()]
    assert len(set(storages)) == len(storages)
    assert all(t.is_contiguous() for t in state.tensors.values())
    assert all(torch.isfinite(t).all() for t in state.tensors.values())
    assert all((state.tensors[n] >= 0).all() for n in slots if n.endswith("exp_avg_sq"))
    optimizer = bench.optimizer(model, state)
    losses = bench.train(model, optimizer, 4, torch.Generator().manual_seed(5))
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < losses[0] + 0.2

    # Utilities follow.
    if donor.head_utility:
        assert tuple(map(len, state.head_utility)) == target.num_heads
        assert len(state.ffn_utility) == target.num_layers
    else:
        assert state.head_utility == state.ffn_utility == ()
    assert (state.position, state.protocol) == (donor.position, donor.protocol)
    assert 0 < record.carried_share <= 1
