"""Identity, determinism, purity, the record, and input that breaks the contract."""

import json
from dataclasses import replace

import pytest
import torch

from trainers.morphism import morph


def test_an_equal_architecture_is_the_identity_bit_by_bit(bench):
    donor = bench.donor(bench.base)
    child, record = morph(donor, bench.base, seed=1)
    assert child.tensors.keys() == donor.tensors.keys()
    assert all(torch.equal(child.tensors[n], t) for n, t in donor.tensors.items())
    assert replace(child, tensors={}) == replace(donor, tensors={})
    assert record.moves == () == record.reinitialised
    assert record.preserving
    assert record.carried_share == 1


def test_entries_that_stay_are_the_same_bits(bench):
    donor = bench.donor(bench.base)
    child, _ = morph(donor, replace(bench.base, d_ff=(64, 64)), seed=1)
    for name, tensor in donor.tensors.items():
        grown = child.tensors[name]
        assert torch.equal(grown[tuple(slice(0, n) for n in tensor.shape)], tensor)


def test_the_order_of_the_donors_tensors_decides_nothing(bench):
    donor = bench.donor(bench.base)
    turned = replace(donor, tensors=dict(reversed(donor.tensors.items())))
    grown = replace(bench.base, d_model=48, num_heads=(4, 4), num_kv_heads=(4, 4), d_ff=(64, 80))
    one, record = morph(donor, grown, seed=1)
    other, same = morph(turned, grown, seed=1)
    assert record == same
    assert all(torch.equal(t, other.tensors[n]) for n, t in one.tensors.items())


def test_the_seed_decides_and_nothing_else(bench):
    donor = bench.donor(bench.base)
    before = {n: t.clone() for n, t in donor.tensors.items()}
    grown = replace(
        bench.base,
        num_layers=3,
        num_heads=(2, 4, 4),
        num_kv_heads=(2, 2, 2),
        d_ff=(64, 64, 64),
        d_model=48,
    )
    random_state = torch.random.get_rng_state()
    one, _ = morph(donor, grown, seed=1)
    assert torch.equal(torch.random.get_rng_state(), random_state)
    torch.rand(3)
    same, _ = morph(donor, grown, seed=1)
    other, _ = morph(donor, grown, seed=2)
    assert all(torch.equal(t, same.tensors[n]) for n, t in one.tensors.items())
    assert not torch.equal(
        one.tensors["model.layers.0.ffn.up.weight"], other.tensors["model.layers.0.ffn.up.weight"]
    )
    assert all(torch.equal(t, donor.tensors[n]) for n, t in before.items())


def test_the_child_shares_no_storage_with_the_donor(bench):
    donor = bench.donor(replace(bench.base, tied_embeddings=True))
    child, _ = morph(donor, bench.base, seed=1)
    storages = [t.untyped_storage().data_ptr() for s in (donor, child) for t in s.tensors.values()]
    assert len(set(storages)) == len(storages)


def test_the_record_says_what_was_carried(bench):
    donor = bench.donor(bench.base)
    _, record = morph(donor, replace(bench.base, d_ff=(32, 64), tied_embeddings=True), seed=1)
    assert record.moves == (
        "readout tied, the mean of the embedding and its own matrix (not preserving)",
        "layer 1: d_ff 48 -> 64",
    )
    assert "layers.1.ffn.up.weight[0:48, :]" in record.carried
    assert record.reinitialised == (
        "layers.1.ffn.down.weight[:, 48:64]",
        "layers.1.ffn.up.weight[48:64, :]",
    )
    total = sum(p.numel() for p in bench.load(_).parameters())
    assert record.carried_share == pytest.approx(1 - 2 * 16 * 32 / total)
    assert json.loads(json.dumps(record.to_json())) == record.to_json()


def test_a_layer_that_is_added_is_named_and_new(bench):
    donor = bench.donor(bench.base)
    target = replace(
        bench.base, num_layers=3, num_heads=(2, 8, 4), num_kv_heads=(2, 8, 2), d_ff=(32, 96, 48)
    )
    child, record = morph(donor, target, seed=1)
    assert record.moves == ("layer 1 added after layer 0",)
    assert all(name.startswith("layers.1.") for name in record.reinitialised)
    assert child.head_utility == (donor.head_utility[0], (0.0,) * 8, donor.head_utility[1])
    assert child.ffn_utility == (donor.ffn_utility[0], 0.0, donor.ffn_utility[1])


def test_a_kept_head_keeps_its_slope(bench):
    a = replace(bench.base, position="alibi")
    child, _ = morph(bench.donor(a), replace(a, num_heads=(4, 8)), seed=1)
    old = bench.donor(a).tensors["model.layers.0.attention.slopes"]
    new = child.tensors["model.layers.0.attention.slopes"]
    assert torch.equal(new[[0, 2]], old)  # each group of one got a second head


def test_input_that_breaks_the_contract_is_refused(bench):
    donor = bench.donor(bench.base)
    with pytest.raises(ValueError, match="vocab_size=29 and the child 31"):
        morph(donor, replace(bench.base, vocab_size=31), seed=1)

    def broken(**tensors):
        return replace(donor, tensors={**donor.tensors, **tensors})

    name = "optimizer.embedding.weight"
    with pytest.raises(ValueError, match="SLOT_POWERS"):
        morph(broken(**{f"{name}.hessian": torch.zeros(29, 32)}), bench.base, seed=1)
    with pytest.raises(ValueError, match="parameter's shape"):
        morph(broken(**{f"{name}.exp_avg": torch.zeros(29)}), bench.base, seed=1)
    with pytest.raises(ValueError, match="does not have"):
        morph(broken(**{"optimizer.nothing.weight.step": torch.zeros(())}), bench.base, seed=1)
    with pytest.raises(ValueError, match="are named"):
        morph(broken(cursor=torch.zeros(1)), bench.base, seed=1)
    with pytest.raises(ValueError, match="one a head"):
        morph(replace(donor, head_utility=((1.0,), (1.0,))), bench.base, seed=1)
    with pytest.raises(ValueError, match="one a layer"):
        morph(replace(donor, ffn_utility=(1.0,)), bench.base, seed=1)
