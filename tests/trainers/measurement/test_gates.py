"""Gates: at 1 nothing changes; at 0 a component is as good as deleted, or replaced."""

import pytest
import torch

from trainers.measurement import ABLATIONS, Gates, components_of
from trainers.measurement.gates import Replacements, outputs_of, replacements_of


def gates_of(model, strength, batches, ablation="zero"):
    components = components_of(model.architecture)
    stand_ins = replacements_of(model, batches, components, ablation)
    return Gates.of(components, strength, stand_ins[0])


@pytest.mark.parametrize("position", ["rotary", "learned", "alibi"])
@pytest.mark.parametrize("ablation", ABLATIONS)
def test_open_gates_leave_every_bit_as_it_is(make_model, batches, position, ablation):
    model = make_model(position=position, norm="layer")
    tokens_BT = batches[0].tokens[:, :-1]
    gates = gates_of(model, torch.ones(9), batches, ablation)
    assert torch.equal(model(tokens_BT, gates=gates), model(tokens_BT))


def test_a_closed_head_is_as_good_as_deleted(make_model, batches):
    model = make_model()
    tokens_BT = batches[0].tokens[:, :-1]
    strength = torch.ones(9)
    strength[1] = 0.0
    gated = model(tokens_BT, gates=gates_of(model, strength, batches))
    whole = model(tokens_BT)
    with torch.no_grad():
        model.layers[0].attention.out.weight[:, 8:16] = 0.0  # the second head of 8 channels
    torch.testing.assert_close(gated, model(tokens_BT))
    assert not torch.allclose(gated, whole)


def test_a_closed_group_of_neurons_is_as_good_as_deleted(make_model, batches):
    model = make_model()
    tokens_BT = batches[0].tokens[:, :-1]
    components = components_of(model.architecture, ffn_groups=4)
    strength = torch.ones(len(components))
    strength[components.places((components.ids[6 + 4 + 2],))] = 0.0  # ffn 1.2
    gates = Gates.of(components, strength, Replacements((None,) * 5))
    gated = model(tokens_BT, gates=gates)
    with torch.no_grad():
        model.layers[1].ffn.down.weight[:, 16:24] = 0.0
    torch.testing.assert_close(gated, model(tokens_BT))


def test_gates_of_one_sequence_touch_no_other(make_model, batches):
    model = make_model()
    tokens_BT = batches[0].tokens[:, :-1]
    strength = torch.ones(4, 9)
    strength[2, 5] = 0.0
    gated = model(tokens_BT, gates=gates_of(model, strength, batches))
    same = (gated == model(tokens_BT)).flatten(1).all(1)
    assert same.tolist() == [True, True, False, True]


def test_replacements_are_what_the_whole_model_says(make_model, batches):
    model = make_model()
    components = components_of(model.architecture)
    said = [outputs_of(model, batch) for batch in batches]
    mean = replacements_of(model, batches, components, "mean")[0].blocks[1]
    expected = torch.cat([s[1].flatten(0, 1) for s in said]).mean(0)
    torch.testing.assert_close(mean, expected)
    resampled = replacements_of(model, batches, components, "resample")
    assert torch.equal(resampled[1].blocks[4][0], said[1][4][1])
    assert torch.equal(resampled[1].blocks[4][3], said[1][4][0])


def test_resampling_needs_a_second_sequence(make_model, corpus):
    model = make_model()
    singles = corpus.evaluation_batches("game", sequences=1, count=3)
    with pytest.raises(ValueError, match="at least 2 sequences in every batch, but got a batch of"):
        replacements_of(model, singles, components_of(model.architecture), "resample")
    with pytest.raises(ValueError, match="one of zero, mean, resample, but got 'none'"):
        replacements_of(model, singles, components_of(model.architecture), "none")
