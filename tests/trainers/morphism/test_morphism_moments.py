"""Optimizer moments follow the gradient: g = m before a move that preserves means g' = m' after it."""

from dataclasses import replace

import pytest
import torch

from trainers.morphism import morph

EXACT = {
    "d_model": {"d_model": 64},
    "query heads": {"num_heads": (4, 6)},
    "heads of both kinds": {"num_heads": (3, 6), "num_kv_heads": (3, 3)},
    "d_ff": {"d_ff": (64, 64)},
    "head_dim": {"head_dim": 32},
    "layer": {
        "num_layers": 3,
        "num_heads": (2, 4, 2),
        "num_kv_heads": (2, 2, 2),
        "d_ff": (32, 48, 32),
    },
}


def assert_moments_are_gradients(bench, child, record, skip=()):
    gradients = bench.gradients(child)
    whole = [name for name in record.carried if "slopes" not in name]
    assert whole
    for entry in whole:
        name, _, ranges = entry.partition("[")
        if name.endswith(skip):
            continue
        index = (
            tuple(_indices(r) for r in ranges.rstrip("]").split(", ")) if ranges else (slice(None),)
        )

        def entries(tensor, index=index):
            for axis, i in enumerate(index):
                tensor = tensor if isinstance(i, slice) else tensor.index_select(axis, i)
            return tensor

        gradient = entries(gradients[name])
        for slot, power in (("exp_avg", 1), ("exp_avg_sq", 2)):
            moment = entries(child.tensors[f"optimizer.{name}.{slot}"])
            torch.testing.assert_close(moment, gradient**power, rtol=1e-3, atol=1e-6**power)


def _indices(text):
    if text == ":":
        return slice(None)
    bounds = [tuple(map(int, part.split(":"))) for part in text.split("+")]
    return torch.cat([torch.arange(*bound) for bound in bounds])


@pytest.mark.parametrize("position", ["rotary", "learned", "alibi"])
@pytest.mark.parametrize("move", EXACT)
def test_moments_of_carried_entries_are_the_gradients_there(bench, move, position):
    a = replace(bench.base, position=position)
    donor = bench.with_gradients_as_moments(bench.donor(a))
    child, record = morph(donor, replace(a, **EXACT[move]), seed=1)
    assert record.preserving
    assert_moments_are_gradients(bench, child, record)


def test_layer_norm_widening_scales_the_moments_of_gains_and_readers(bench):
    # What writes to the stream shares its gradient with the new coordinates, through the mean.
    a = replace(bench.base, norm="layer")
    donor = bench.with_gradients_as_moments(bench.donor(a))
    child, record = morph(donor, replace(a, d_model=64), seed=1)
    writers = (".out.weight", ".down.weight", "embedding.weight")
    assert_moments_are_gradients(bench, child, record, skip=writers)


def test_copies_of_a_key_value_head_share_its_gradient(bench):
    donor = bench.with_gradients_as_moments(bench.donor(bench.base))
    child, record = morph(donor, replace(bench.base, num_kv_heads=(2, 4)), seed=1)
    assert record.preserving
    name = "layers.1.attention.key.weight"
    gradient = bench.gradients(child)[name].view(2, 2, 16, 32).sum(1)
    moment = child.tensors[f"optimizer.{name}.exp_avg"].view(2, 2, 16, 32).sum(1)
    torch.testing.assert_close(moment, gradient, rtol=1e-3, atol=1e-6)
    old, new = (s.tensors[f"optimizer.{name}.exp_avg_sq"].sum() for s in (donor, child))
    assert new == pytest.approx(old.item() / 2)  # two copies, each a quarter


def test_new_entries_have_no_first_moment_and_the_typical_second(bench):
    donor = bench.donor(bench.base)
    child, _ = morph(donor, replace(bench.base, d_ff=(64, 48)), seed=1)
    slots = "optimizer.layers.0.ffn.down.weight."
    assert not child.tensors[slots + "exp_avg"][:, 32:].any()
    typical = donor.tensors[slots + "exp_avg_sq"].mean(1)
    assert torch.equal(child.tensors[slots + "exp_avg_sq"][:, 40], typical)


def test_a_new_tensor_starts_as_an_optimizer_would(bench):
    child, _ = morph(bench.donor(bench.base), replace(bench.base, position="learned"), seed=1)
    for slot in ("step", "exp_avg", "exp_avg_sq"):
        assert not child.tensors[f"optimizer.position.weight.{slot}"].any()


def test_momentum_alone_is_carried_too(bench):
    donor = bench.donor(bench.base)
    tensors = {
        n.replace("exp_avg", "momentum_buffer"): t
        for n, t in donor.tensors.items()
        if not n.endswith(("exp_avg_sq", "step"))
    }
    child, _ = morph(replace(donor, tensors=tensors), replace(bench.base, d_model=64), seed=1)
    slot = "optimizer.final_norm.weight.momentum_buffer"
    torch.testing.assert_close(child.tensors[slot][:32], tensors[slot] * 2**0.5)
