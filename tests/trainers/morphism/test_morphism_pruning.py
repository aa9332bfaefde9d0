"""What goes is the least useful."""

from dataclasses import replace

import pytest
import torch

from trainers.morphism import morph
from trainers.morphism.alignment import align
from trainers.morphism.draft import open_draft
from trainers.morphism.usefulness import head_usefulness


def test_the_heads_of_lowest_utility_go(bench):
    a = replace(bench.base, num_heads=(4, 4), num_kv_heads=(4, 4))
    donor = replace(bench.donor(a), head_utility=((0.4, 0.1, 0.3, 0.2), (1.0, 4.0, 2.0, 3.0)))
    child, record = morph(donor, replace(a, num_heads=(2, 3), num_kv_heads=(2, 3)), seed=1)
    assert child.head_utility == ((0.4, 0.3), (4.0, 2.0, 3.0))
    assert "least useful 1, 3 removed" in record.moves[0]
    rows = donor.tensors["model.layers.0.attention.value.weight"].view(4, 16, 32)[[0, 2]]
    assert torch.equal(child.tensors["model.layers.0.attention.value.weight"].view(2, 16, 32), rows)


def test_grouped_heads_stay_equal_in_number(bench):
    a = replace(bench.base, num_heads=(6, 4), num_kv_heads=(2, 2))
    donor = replace(
        bench.donor(a), head_utility=((0.1, 0.2, 0.3, 9.0, 8.0, 7.0), (1.0, 1.0, 1.0, 1.0))
    )
    child, _ = morph(donor, replace(a, num_heads=(4, 4)), seed=1)
    assert child.head_utility[0] == (0.2, 0.3, 9.0, 8.0)
    one_group, _ = morph(donor, replace(a, num_heads=(3, 4), num_kv_heads=(1, 2)), seed=1)
    assert one_group.head_utility[0] == (9.0, 8.0, 7.0)


def test_a_pruned_head_that_wrote_nothing_is_not_missed(bench):
    a = replace(bench.base, num_heads=(3, 4), num_kv_heads=(3, 2))
    donor = bench.donor(a, measured=False)
    donor.tensors["model.layers.0.attention.out.weight"][:, 16:32] = 0
    child, record = morph(donor, bench.base, seed=1)
    assert "least useful 1 removed by weights, no utility measured" in record.moves[0]
    assert bench.difference(donor, child) < 1e-5


@pytest.mark.parametrize("activation", ["gelu", "relu2", "swiglu"])
def test_units_that_write_or_read_nothing_go_first(bench, activation):
    a = replace(bench.base, activation=activation)
    donor = bench.donor(a)
    donor.tensors["model.layers.0.ffn.down.weight"][:, [1, 5]] = 0
    donor.tensors["model.layers.0.ffn.up.weight"][[7, 30]] = 0
    child, record = morph(donor, replace(a, d_ff=(28, 48)), seed=1)
    assert not record.preserving
    assert bench.difference(donor, child) < 1e-5


def test_coordinates_that_carry_nothing_go_first(bench):
    donor = bench.donor(bench.base)
    wide, _ = morph(donor, replace(bench.base, d_model=48), seed=1)
    back, _ = morph(wide, bench.base, seed=2)
    assert bench.difference(donor, back) < 1e-5


def test_growth_is_undone_by_pruning_what_was_never_measured(bench):
    donor = bench.donor(bench.base)
    grown = replace(
        bench.base, num_layers=3, num_heads=(4, 4, 8), num_kv_heads=(4, 2, 4), d_ff=(64, 48, 80)
    )
    child, _ = morph(donor, grown, seed=1)
    back, _ = morph(child, bench.base, seed=2)
    assert bench.difference(donor, back) < 1e-5
    assert back.head_utility == donor.head_utility


def test_the_layer_of_lowest_utility_goes(bench):
    a = replace(
        bench.base, num_layers=3, num_heads=(2, 2, 2), num_kv_heads=(2, 2, 2), d_ff=(32, 32, 32)
    )
    donor = replace(
        bench.donor(a),
        head_utility=((0.1, 0.1), (0.2, 0.3), (0.1, 0.1)),
        ffn_utility=(0.9, 0.1, 0.9),
    )
    one_less = replace(a, num_layers=2, num_heads=(2, 2), num_kv_heads=(2, 2), d_ff=(32, 32))
    child, record = morph(donor, one_less, seed=1)
    assert record.moves == ("layer 1 removed, least useful (not preserving)",)
    assert child.ffn_utility == (0.9, 0.9)
    _, record = morph(replace(donor, head_utility=(), ffn_utility=()), one_less, seed=1)
    assert "by weights, no utility measured" in record.moves[0]


def test_the_weight_fallback_does_not_depend_on_the_gauge(bench):
    donor = bench.donor(bench.base, measured=False)
    before = head_usefulness(open_draft(donor), 0)
    mixing = torch.randn(16, 16, generator=torch.Generator().manual_seed(0)) + 4 * torch.eye(16)
    value = donor.tensors["model.layers.0.attention.value.weight"]
    out = donor.tensors["model.layers.0.attention.out.weight"]
    first_v, first_o = value[:16].clone(), out[:, :16].clone()
    value[:16], out[:, :16] = mixing @ first_v, first_o @ mixing.inverse()
    assert head_usefulness(open_draft(donor), 0) == pytest.approx(before, rel=1e-4)
    # ... and is the Frobenius norm of the OV map.
    gain = donor.tensors["model.layers.0.norm_attention.weight"]
    assert before[0] == pytest.approx((first_o @ (first_v * gain)).norm().item(), rel=1e-4)


def test_alignment_matches_shapes_before_it_appends():
    # One layer more: the new one is where the shapes say, and last if they say nothing.
    fits, grows = (0.0, 0.0), (0.0, 0.5)
    assert align([1.0, 1.0], [[fits, grows, grows], [grows, grows, fits]]) == (0, -1, 1)
    assert align([1.0, 1.0], [[fits] * 3] * 2) == (0, 1, -1)
    # One less: usefulness before shape.
    assert align([5.0, 1.0, 5.0], [[fits, fits], [fits, fits], [grows, grows]]) == (0, 2)
