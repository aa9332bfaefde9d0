"""Sharing the blocks below changes no bit of any coalition's loss, and saves what is counted."""

import numpy as np
import pytest
import torch

from trainers.data import EvaluationBatch
from trainers.measurement import ABLATIONS, Gates, coalition_losses, components_of
from trainers.measurement.gates import replacements_of


def plain_losses(model, batches, rows, components, ablation):
    stand_ins = replacements_of(model, batches, components, ablation)
    result = np.empty((len(rows), sum(len(b.tokens) for b in batches)))
    with torch.inference_mode():
        for i, row in enumerate(rows):
            strength = torch.from_numpy(row.astype(np.float32))
            result[i] = np.concatenate([
                model.loss(
                    batch.tokens[:, :-1],
                    batch.tokens[:, 1:],
                    gates=Gates.of(components, strength, replacements),
                ).mean(1, dtype=torch.float64)
                for batch, replacements in zip(batches, stand_ins, strict=True)
            ])  # fmt: skip
    return result


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("groups", [1, 2])
def test_shared_evaluation_gives_the_bits_of_whole_forward_passes(
    make_model, batches, ablation, groups
):
    model = make_model(position="learned")
    components = components_of(model.architecture, ffn_groups=groups)
    random = np.random.default_rng(0)
    rows = random.random((60, len(components))) < random.random((60, 1))
    rows[7] = rows[3]
    measured = coalition_losses(model, batches, rows, components=components, ablation=ablation)
    assert np.array_equal(measured.losses, plain_losses(model, batches, rows, components, ablation))
    assert measured.spent.coalitions == len(np.unique(rows, axis=0))
    assert measured.spent.block_evaluations < measured.spent.plain_block_evaluations


def test_all_coalitions_of_16_heads_need_at_least_3_times_fewer_blocks(make_model, batches):
    model = make_model(num_layers=4, num_heads=(4,) * 4, num_kv_heads=(4,) * 4, d_ff=(32,) * 4)
    components = components_of(model.architecture)
    rows = np.ones((1 << 10, len(components)), dtype=bool)
    # all of the heads of layers 2 and 3 and half of layer 1: sharing is least where few differ
    rows[:, 6:16] = (np.arange(1 << 10)[:, None] >> np.arange(10) & 1).astype(bool)
    small = [EvaluationBatch(tokens=batches[0].tokens[:2, :5], byte_count=8)]
    spent = coalition_losses(model, small, rows, components=components).spent
    assert spent.plain_block_evaluations == 8 * 1024
    assert spent.times_fewer >= 3.0


def test_progress_counts_every_coalition_of_every_batch(make_model, batches):
    model = make_model()
    components = components_of(model.architecture)
    rows = np.random.default_rng(1).random((20, 9)) < 0.5
    done = []
    coalition_losses(model, batches, rows, components=components, progress=done.append)
    assert sum(done) == 20 * len(batches)


def test_losses_do_not_depend_on_how_sequences_are_batched(make_model, corpus):
    model = make_model()
    components = components_of(model.architecture)
    rows = np.random.default_rng(2).random((10, 9)) < 0.6
    one, other = (
        coalition_losses(
            model,
            corpus.evaluation_batches("game", sequences=s, count=8 // s),
            rows,
            components=components,
        )
        for s in (8, 2)
    )
    np.testing.assert_allclose(one.losses, other.losses, rtol=1e-5)


def test_bad_batches_and_coalitions_and_diverged_models_are_refused(make_model, batches):
    model = make_model()
    components = components_of(model.architecture)
    rows = np.ones((1, 9), dtype=bool)
    single = EvaluationBatch(tokens=batches[0].tokens[:1], byte_count=1)
    with pytest.raises(ValueError, match=r"2 sequences or more.* but got 1 of lengths \[16\]"):
        coalition_losses(model, [single], rows, components=components)
    with pytest.raises(ValueError, match=r"Coalitions are \(m, 9\).* but got the shape \(1, 8\)"):
        coalition_losses(model, batches, rows[:, 1:], components=components)
    with torch.no_grad():
        model.embedding.weight.fill_(float("nan"))
    with pytest.raises(ValueError, match="must be finite, but got NaN"):
        coalition_losses(model, batches, rows, components=components)
