"""Pair interactions: second differences of the loss, with the signs of substitutes."""

import numpy as np
import pytest
import torch

from trainers.measurement import (
    ComponentId,
    coalition_losses,
    components_of,
    measure_leave_one_out,
    measure_pair_interactions,
)


def test_they_are_second_differences_of_the_value(make_model, batches):
    model = make_model()
    components = components_of(model.architecture)
    pair = (ComponentId("head", 0, 1), ComponentId("ffn", 1))
    measured = measure_pair_interactions(model, batches, pairs=[pair])
    rows = np.ones((4, 9), dtype=bool)
    rows[1, 1] = rows[2, 7] = rows[3, 1] = rows[3, 7] = False
    v = coalition_losses(model, batches, rows, components=components).values
    assert measured.values[0] == pytest.approx(v[0] - v[1] - v[2] + v[3], abs=1e-9)
    alone = measure_leave_one_out(model, batches, components=pair)
    assert measured.components == pair
    np.testing.assert_allclose(measured.delta, alone.delta, atol=1e-12)
    np.testing.assert_allclose(measured.delta_error, alone.standard_error, atol=1e-12)


def test_clones_whose_sum_saturates_are_substitutes(make_model, batches):
    model = make_model(num_heads=(2, 2), num_kv_heads=(2, 2), qk_norm=False)
    attention = model.layers[1].attention
    with torch.no_grad():
        for matrix in (attention.query, attention.key, attention.value):
            matrix.weight[8:] = matrix.weight[:8]
        # all that matters comes from the twins, and the last norm takes their length away
        attention.out.weight[:, 8:] = attention.out.weight[:, :8] * 1000
        attention.out.weight[:, :8] *= 1000
    twins = (ComponentId("head", 1, 0), ComponentId("head", 1, 1))
    measured = measure_pair_interactions(model, batches, pairs=[twins])
    together = measured.delta.sum() - measured.values[0]  # v(N) - v(N without both)
    assert abs(measured.delta).max() < 0.1 * abs(together)
    assert measured.values[0] == pytest.approx(-together, rel=0.2)


def test_all_pairs_by_default_and_others_are_refused(make_model, batches):
    model = make_model()
    ids = components_of(model.architecture).ids
    measured = measure_pair_interactions(model, batches, base=frozenset(ids[:4]))
    assert len(measured.pairs) == 6
    with pytest.raises(
        ValueError, match=r"two different components of the base, but got head 0\.0"
    ):
        measure_pair_interactions(model, batches, pairs=[(ids[0], ids[0])])
    with pytest.raises(ValueError, match="At least one pair must be given"):
        measure_pair_interactions(model, batches, pairs=[])
