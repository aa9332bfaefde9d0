"""The integrated gradient: complete, indifferent to batches, exact where the game is additive."""

import numpy as np
import pytest
import torch

from trainers.measurement import ABLATIONS, ComponentId, components_of, measure_integrated_gradient


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_it_sums_to_what_the_players_are_worth_together(make_model, batches, ablation):
    model = make_model()
    coarse, fine = (
        measure_integrated_gradient(model, batches, points=points, ablation=ablation)
        for points in (2, 20)
    )
    assert abs(fine.completeness_error) < 0.05 * abs(fine.total)
    assert abs(fine.completeness_error) < abs(coarse.completeness_error)


def test_players_alone_move(make_model, batches):
    """A single player's value is what it is worth: the fundamental theorem of calculus."""
    model = make_model()
    player = ComponentId("ffn", 1)
    alone = measure_integrated_gradient(model, batches, players=[player], points=20)
    assert alone.players == (player,)
    assert alone.values[0] == pytest.approx(alone.total, rel=1e-3)


def test_utilities_do_not_depend_on_how_sequences_are_batched(make_model, corpus):
    model = make_model()
    one, other = (
        measure_integrated_gradient(
            model, corpus.evaluation_batches("game", sequences=s, count=8 // s)
        )
        for s in (8, 2)
    )
    np.testing.assert_allclose(one.values, other.values, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one.standard_error, other.standard_error, rtol=1e-4, atol=1e-6)


def test_no_gradient_of_weights_is_left_behind(make_model, batches):
    model = make_model()
    measured = measure_integrated_gradient(model, batches)
    assert all(p.grad is None for p in model.parameters())
    assert measured.spent.flops > 0
    assert measured.sequences == 8


def test_heads_that_share_keys_and_values_share_credit(make_model, batches):
    """Two query heads with one key-value head and the same weights are worth the same."""
    model = make_model(num_heads=(2, 2), num_kv_heads=(1, 1))
    attention = model.layers[1].attention
    with torch.no_grad():
        attention.query.weight[8:] = attention.query.weight[:8]
        attention.out.weight[:, 8:] = attention.out.weight[:, :8]
    measured = measure_integrated_gradient(model, batches)
    values = dict(zip(measured.players, measured.values, strict=True))
    first, second = values[ComponentId("head", 1, 0)], values[ComponentId("head", 1, 1)]
    assert first == pytest.approx(second, rel=1e-4)
    assert first != 0.0


def test_no_points_and_players_that_are_absent_are_refused(make_model, batches):
    model = make_model()
    ids = components_of(model.architecture).ids
    for wrong in ({"points": 0}, {"players": []}, {"base": frozenset(ids[1:]), "players": ids[:1]}):
        with pytest.raises(ValueError, match="players of the base, at least one, must be given"):
            measure_integrated_gradient(model, batches, **wrong)
    with pytest.raises(ValueError, match="embedding cannot play under zero-ablation"):
        measure_integrated_gradient(model, batches, players=[ids[-1]])
    with torch.no_grad():
        model.embedding.weight.fill_(float("inf"))
    with pytest.raises(ValueError, match="must be finite"):
        measure_integrated_gradient(model, batches)
