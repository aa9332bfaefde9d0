"""The guard rail enters where statistics predict lineages that it has not seen, and only there."""

import numpy as np
import pytest

from orchestrator.guard_rail import FEATURES, Lineages, LineageSample, features, fit_guard_rail
from orchestrator.guard_rail.regression import LEAST_LINEAGES, left_out, ridge
from search_spaces.gpt.role_cost import role_flops
from search_spaces.gpt.space import GPT
from trainers.measurement.components import components_of


def samples_of(count, *, effect, noise=0.02, seed=0, intervals=3):
    rng = np.random.default_rng(seed)
    made = []
    for lineage in range(count):
        for _ in range(intervals):
            x = rng.normal(size=len(FEATURES))
            y = 0.3 + effect * x[0] + noise * rng.normal()
            made.append(LineageSample(lineage=lineage, features=tuple(x), residual=float(y)))
    return tuple(made)


def fit(samples, seed=0):
    return fit_guard_rail(samples, np.random.default_rng(seed))


def test_what_predicts_enters_and_corrects_in_its_direction():
    rail = fit(samples_of(20, effect=0.1))
    assert rail.reason.startswith("corrected: R^2 0.9")
    low, high = (rail.correct((x, 0.0, 0.0, 0.0)).nats for x in (-1.0, 1.0))
    assert high - low == pytest.approx(0.2, rel=0.2)
    far = rail.correct((1e9, 0.0, 0.0, 0.0)).nats
    assert abs(far) < 1.0  # it never extrapolates
    assert rail.correct(rail.centre).nats == pytest.approx(0.0)  # a common residual ranks nobody
    unmeasured = rail.correct(None)
    assert (unmeasured.nats, unmeasured.reason[:8]) == (0.0, "the loss")


def test_noise_stays_out_nearly_always():
    entered = [fit(samples_of(12, effect=0.0, seed=s), s).weights is not None for s in range(60)]
    assert sum(entered) <= 4


def test_too_few_or_equal_lineages_stay_out_and_say_so():
    few = fit(samples_of(LEAST_LINEAGES - 1, effect=1.0))
    assert f"fewer than {LEAST_LINEAGES}" in few.correct((0.0,) * 4).reason
    assert fit(()).correct((0.0,) * 4).nats == 0.0
    same = [LineageSample(lineage=i, features=(1.0,) * 4, residual=0.0) for i in range(10)]
    assert "do not differ" in fit(same).reason


def test_one_lineage_of_many_intervals_does_not_convince():
    """What is left out is a lineage, so that its own other intervals cannot vouch for it."""
    rng = np.random.default_rng(3)
    made = []
    for lineage in range(LEAST_LINEAGES):
        x, y = rng.normal(size=4), float(rng.normal())
        made += [LineageSample(lineage=lineage, features=tuple(x), residual=y)] * 30
    assert fit(made).weights is None


def test_the_same_lineages_give_the_same_answer():
    one, other = (fit(samples_of(15, effect=0.05)) for _ in range(2))
    assert one.reason == other.reason
    np.testing.assert_array_equal(one.weights, other.weights)


def test_ridge_and_leaving_out_by_hand():
    x = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [3.0, 2.0]])
    y = np.array([1.0, 2.0, 3.0, 8.0])
    weights, centre, mean = ridge(x, y)
    z = (x - centre) / x.std(axis=0)
    normal = np.linalg.inv(z.T @ z + 4.0 * np.eye(2)) @ z.T @ (y - y.mean()) / x.std(axis=0)
    np.testing.assert_allclose(weights, normal)
    assert mean == y.mean()
    errors, spreads = left_out(x, y, np.array([0, 0, 1, 1]))
    assert spreads[1] == pytest.approx(((y[2:] - y[:2].mean()) ** 2).sum())
    assert errors.shape == (2,)


def test_residuals_are_beside_the_population_and_of_finished_lineages_only():
    lineages = Lineages()
    losses = {0: (3.0, 3.0, 3.0), 1: (2.5, 2.6, 2.9), 2: (2.2, 2.4, 2.8)}
    for generation, row in losses.items():
        for member, loss in enumerate(row):
            lineages.reported(member, generation, features=(float(member),) * 4, loss=loss)
    assert lineages.samples() == ()
    lineages.born(2)
    lineages.born(2)  # nothing lives there any more
    first, second = lineages.samples()
    assert (first.lineage, first.features) == (0, (2.0,) * 4)
    assert first.residual == pytest.approx((2.8 - 3.0) - (2.4 - 3.0))
    assert second.residual == pytest.approx((2.8 - 2.9) - (2.4 - 2.6))


def test_features_are_shares_free_of_units(utilities_of, game_of):
    """Members of different sizes are never compared by sums of |delta|."""
    a = GPT.default().architecture
    told = utilities_of(a, np.random.default_rng(0))
    game = game_of(a, 10.0, np.random.default_rng(1))
    found = features(told, game, a)
    assert len(found) == len(FEATURES)
    louder = {
        name: (100 * np.array(value)).tolist() if name.startswith("ffn") else value
        for name, value in told.items()
    }
    louder |= {n: [[100 * u for u in layer] for layer in told[n]] for n in ("heads", "heads_se")}
    assert features(louder, game, a) == pytest.approx(found)
    assert features(None, game, a) is None
    assert features(told, None, a)[2] == 0.0


def test_features_of_a_model_whose_utilities_are_its_resources():
    a = GPT.default().architecture
    flops = role_flops(a, sequence_length=a.context_length)
    heads = [[f / n] * n for n, f in zip(a.num_heads, flops.attention, strict=True)]
    told = {
        "heads": heads,
        "heads_se": [[0.0] * n for n in a.num_heads],
        "ffn": list(flops.ffn),
        "ffn_se": [0.0] * a.num_layers,
        "embedding": 1.0,
        "embedding_se": 0.0,
    }
    divergence, _, negative, dead = features(told, None, a)
    assert divergence == pytest.approx(0.0, abs=1e-12)
    assert (negative, dead) == (0.0, 0.0)
    even = {**told, "heads": [[1.0] * n for n in a.num_heads], "ffn": [1.0] * a.num_layers}
    assert features(even, None, a)[1] == pytest.approx(1.0)
    even["heads"][0][0] = 1e-6
    assert features(even, None, a)[3] == pytest.approx(1 / sum(a.num_heads))


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("activation", ["gelu", "swiglu"])
def test_role_flops_are_those_of_their_components(kv_heads, activation):
    from search_spaces.gpt.cost import forward_flops_per_token

    genome = GPT.with_genes(
        GPT.default(), {"num_kv_heads": (kv_heads,) * 4, "activation": activation}
    )
    a = genome.architecture
    roles = role_flops(a, sequence_length=a.context_length)
    assert roles.total == forward_flops_per_token(a, sequence_length=a.context_length)
    components = components_of(a)
    of = dict(zip(components.ids, components.flops_per_token, strict=True))
    for layer in range(a.num_layers):
        heads = sum(f for c, f in of.items() if c.kind == "head" and c.layer == layer)
        assert heads == pytest.approx(roles.attention[layer])
        block = sum(f for c, f in of.items() if c.kind == "ffn" and c.layer == layer)
        assert block == pytest.approx(roles.ffn[layer])
