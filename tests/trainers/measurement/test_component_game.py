"""The game of a trained model of 4 x 4 heads, of which all 65,536 values are known.

`python benchmarks/component_game_fixture.py` makes the model and the table.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from orchestrator.game import banzhaf, shapley
from orchestrator.game.coalitions import masks_of
from orchestrator.game.sampling import (
    Stopping,
    banzhaf_by_sample_reuse,
    leverage_shapley,
    permutation_shapley,
    stratified_shapley,
)
from search_spaces.gpt.architecture import Architecture
from trainers.data import EvaluationBatch
from trainers.measurement import (
    ComponentId,
    coalition_losses,
    components_of,
    measure_integrated_gradient,
    measure_leave_one_out,
    measure_pair_interactions,
)
from trainers.model import Transformer
from trainers.serialisation import deserialise

DIRECTORY = Path(__file__).parents[2] / "data" / "component_game"
HEADS = [ComponentId("head", layer, head) for layer in range(4) for head in range(4)]
ALL = (1 << 16) - 1


@pytest.fixture(scope="module")
def model():
    tensors, metadata = deserialise((DIRECTORY / "model.safetensors").read_bytes())
    written = json.loads(metadata["architecture"])
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in written.items()}
    model = Transformer(Architecture(**values))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])
    return model


@pytest.fixture(scope="module")
def game_batches():
    tokens = torch.from_numpy(np.load(DIRECTORY / "tokens.npy").astype(np.int64))
    return [EvaluationBatch(tokens=tokens, byte_count=tokens[:, 1:].numel())]


@pytest.fixture(scope="module")
def table():
    return np.load(DIRECTORY / "values.npy").astype(np.float64)


def test_the_table_is_that_of_the_model(model, game_batches, table):
    masks = np.random.default_rng(0).integers(0, 1 << 16, 40)
    masks[:3] = 0, ALL, 0x0FF0
    components = components_of(model.architecture)
    rows = np.ones((40, len(components)), dtype=bool)
    rows[:, :16] = masks[:, None] >> np.arange(16) & 1
    values = coalition_losses(model, game_batches, rows, components=components).values
    np.testing.assert_allclose(values, table[masks], atol=2e-5)


def test_the_integrated_gradient_ranks_heads_as_the_exact_shapley_value(model, game_batches, table):
    measured = measure_integrated_gradient(model, game_batches, players=HEADS)
    exact = shapley(table)
    assert spearmanr(measured.values, exact).statistic >= 0.95
    assert measured.total == pytest.approx(table[ALL] - table[0], abs=2e-5)
    assert abs(measured.completeness_error) < 0.1 * measured.total
    # and what it claims of its errors is of the right size
    assert np.median(measured.standard_error) < 0.5 * np.median(np.abs(exact))


def test_leave_one_out_is_the_table_s_difference(model, game_batches, table):
    measured = measure_leave_one_out(model, game_batches, components=HEADS)
    expected = table[ALL] - table[ALL ^ (1 << np.arange(16))]
    np.testing.assert_allclose(measured.delta, expected, atol=3e-5)


def test_pair_interactions_are_the_table_s_second_differences(model, game_batches, table):
    pairs = [(HEADS[0], HEADS[1]), (HEADS[2], HEADS[13])]
    measured = measure_pair_interactions(model, game_batches, pairs=pairs)
    for (i, j), value in zip([(0, 1), (2, 13)], measured.values, strict=True):
        without = [ALL ^ (1 << i), ALL ^ (1 << j), ALL ^ (1 << i) ^ (1 << j)]
        expected = table[ALL] - table[without[0]] - table[without[1]] + table[without[2]]
        assert value == pytest.approx(expected, abs=6e-5)


@pytest.mark.parametrize(
    ("sampler", "exact", "budget"),
    [
        (leverage_shapley, shapley, 400),
        (permutation_shapley, shapley, 1200),
        (stratified_shapley, shapley, 1600),
        (banzhaf_by_sample_reuse, banzhaf, 800),
    ],
)
def test_samplers_are_within_the_confidence_that_they_claim(table, sampler, exact, budget):
    """All players at once within their half-widths, in 95 % of 200 runs: 3 sigma below is 181."""
    truth = exact(table)
    runs, inside = 200, 0
    for seed in range(runs):
        estimate = sampler(
            lambda rows: table[masks_of(rows)],
            16,
            stopping=Stopping(budget=budget, confidence=0.95),
            rng=np.random.default_rng(seed),
        )
        inside += bool((np.abs(estimate.values - truth) <= estimate.half_widths).all())
    assert inside >= 181


def test_the_size_of_batches_changes_no_utility(model, game_batches):
    """Utilities are of the weights and the text alone: halves of the batch give the same."""
    tokens = game_batches[0].tokens
    halves = [EvaluationBatch(tokens=t, byte_count=1) for t in (tokens[:8], tokens[8:])]
    whole = measure_leave_one_out(model, game_batches, components=HEADS[:4])
    parted = measure_leave_one_out(model, halves, components=HEADS[:4])
    np.testing.assert_allclose(parted.delta, whole.delta, atol=2e-6)
    np.testing.assert_allclose(parted.standard_error, whole.standard_error, rtol=1e-4, atol=1e-7)


def test_rotations_within_heads_change_no_utility(model, game_batches):
    before = measure_integrated_gradient(model, game_batches, players=HEADS)
    kept = {n: p.detach().clone() for n, p in model.named_parameters()}
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for i in range(4):
            attention = model.layer(i).attention
            for h in range(4):
                part = slice(12 * h, 12 * h + 12)
                rotation, _ = torch.linalg.qr(torch.randn(12, 12, generator=generator))
                attention.value.weight[part] = rotation @ attention.value.weight[part]
                attention.out.weight[:, part] = attention.out.weight[:, part] @ rotation.T
    try:
        after = measure_integrated_gradient(model, game_batches, players=HEADS)
    finally:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(kept[name])
    np.testing.assert_allclose(after.values, before.values, rtol=1e-3, atol=1e-5)


def test_greedy_pruning_measured_again_is_better_than_one_shot(table):
    """DESIGN 4.3, on the table: what is removed is measured at the model that is left."""
    greedy = ALL
    for _ in range(6):
        present = [k for k in range(16) if greedy >> k & 1]
        greedy ^= 1 << max(present, key=lambda k: table[greedy ^ (1 << k)])
    order = np.argsort(table[ALL] - table[ALL ^ (1 << np.arange(16))])
    one_shot = ALL ^ int(sum(1 << int(k) for k in order[:6]))
    assert table[greedy] >= table[one_shot]
