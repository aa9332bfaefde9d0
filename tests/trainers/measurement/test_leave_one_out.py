"""Leave-one-out is a difference of two losses; clones, rotations, shared keys as DESIGN 4 asks."""

import numpy as np
import pytest
import torch

from trainers.measurement import ComponentId, components_of, least_by_proxy, measure_leave_one_out


def test_it_is_the_rise_of_the_loss_of_a_model_without_the_component(make_model, batches):
    model = make_model()
    measured = measure_leave_one_out(model, batches)
    assert len(measured.components) == len(measured.delta) == 9
    assert measured.sequences == 8
    with torch.no_grad():
        model.layers[1].ffn.down.weight.zero_()
        losses = torch.cat([
            model.loss(b.tokens[:, :-1], b.tokens[:, 1:]).mean(1) for b in batches
        ])  # fmt: skip
    at = measured.components.index(ComponentId("ffn", 1))
    assert measured.delta[at] == pytest.approx(float(losses.mean()) - measured.base_loss, abs=1e-6)
    assert measured.flops > 0


def test_standard_errors_are_those_of_paired_differences(make_model, batches):
    measured = measure_leave_one_out(make_model(), batches)
    # paired: far smaller than the spread of the losses themselves would let them be
    assert (measured.standard_error > 0).all()
    halves = [measure_leave_one_out(make_model(), [b]) for b in batches]
    pooled = np.mean([h.delta for h in halves], axis=0)
    np.testing.assert_allclose(measured.delta, pooled, rtol=1e-5, atol=1e-7)


def test_a_smaller_base_is_a_smaller_model(make_model, batches):
    model = make_model()
    every = components_of(model.architecture).ids
    base = frozenset(every) - {ComponentId("head", 0, 3)}
    without = measure_leave_one_out(model, batches, base=base)
    assert without.components == tuple(c for c in every if c in base)
    with torch.no_grad():
        model.layers[0].attention.out.weight[:, 24:] = 0.0
    deleted = measure_leave_one_out(model, batches, components=without.components)
    np.testing.assert_allclose(without.delta, deleted.delta, atol=1e-6)
    with pytest.raises(ValueError, match=r"are of the base.* but got head 0\.3 that is not"):
        measure_leave_one_out(model, batches, base=base, components=[ComponentId("head", 0, 3)])


def test_a_clone_is_not_pruned_together_with_its_original(make_model, batches):
    """Both look dispensable; measured again without the one, the other is not."""
    model = make_model(num_heads=(2, 2), num_kv_heads=(2, 2), qk_norm=False)
    attention = model.layers[1].attention
    with torch.no_grad():
        for matrix in (attention.query, attention.key, attention.value):
            matrix.weight[8:] = matrix.weight[:8]
        attention.out.weight[:, 8:] = attention.out.weight[:, :8]
        # saturate: what both say together is hardly more than what one says
        attention.out.weight.mul_(1000.0)
    twins = [ComponentId("head", 1, 0), ComponentId("head", 1, 1)]
    first = measure_leave_one_out(model, batches, components=twins)
    assert first.delta[0] == pytest.approx(first.delta[1], abs=1e-6)
    base = frozenset(components_of(model.architecture).ids) - {twins[0]}
    again = measure_leave_one_out(model, batches, components=[twins[1]], base=base)
    assert abs(again.delta[0]) > 10 * abs(first.delta[0])


def test_rotations_within_heads_change_no_utility(make_model, batches):
    model = make_model()
    before = measure_leave_one_out(model, batches)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for layer in model.layers:
            shared = layer.attention.num_heads // layer.attention.num_kv_heads
            for k in range(layer.attention.num_kv_heads):
                rotation, _ = torch.linalg.qr(torch.randn(8, 8, generator=generator))
                value = layer.attention.value.weight[8 * k : 8 * k + 8]
                value.copy_(rotation @ value)
                for h in range(shared * k, shared * k + shared):
                    out = layer.attention.out.weight[:, 8 * h : 8 * h + 8]
                    out.copy_(out @ rotation.T)
    after = measure_leave_one_out(model, batches)
    np.testing.assert_allclose(after.delta, before.delta, atol=2e-6)
    assert np.abs(before.delta).max() > 1e-3


def test_the_bottom_decile_is_at_least_one():
    ids = tuple(ComponentId("head", 0, i) for i in range(25))
    proxy = np.arange(25.0)[::-1]
    assert least_by_proxy(ids, proxy) == (ids[24], ids[23])
    assert least_by_proxy(ids[:3], proxy[:3]) == (ids[2],)
    with pytest.raises(ValueError, match="one finite proxy"):
        least_by_proxy(ids, proxy[:3])
    with pytest.raises(ValueError, match="0 < fraction <= 1"):
        least_by_proxy(ids, proxy, fraction=0.0)
