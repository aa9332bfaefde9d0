"""Laws of whole curves from logged points; laws of mixtures and capabilities."""

import numpy as np
import pytest

from orchestrator.errors import UserError
from orchestrator.laws.fitting.fit import fit
from orchestrator.laws.fitting.losses import L2
from orchestrator.laws.forms import LAWS, law_named
from orchestrator.laws.forms.observational import capabilities
from orchestrator.laws.law import Law
from orchestrator.laws.reading import read_table
from orchestrator.laws.schedules import fit_to_schedules
from orchestrator.laws.table import Table, prepare


def small_table(steps=200):
    t = np.arange(0.0, steps, 5)
    rate = np.concatenate([np.full(t.size, 1e-3), 1e-3 * (1 - 0.9 * t / steps)])
    return Table(
        source="runs.csv",
        columns={
            "curve": np.repeat(["flat", "line"], t.size),
            "step": np.tile(t, 2),
            "lr": rate,
            "L": np.linspace(4, 3, 2 * t.size),
        },
        rows=np.arange(1, 2 * t.size + 1),
    )


def test_annealing_areas_are_made_from_the_logged_learning_rate():
    law, table = fit_to_schedules(LAWS["annealing"], small_table(), {})
    assert isinstance(law, Law)
    flat = table.columns["curve"] == "flat"
    assert np.abs(table.columns["S2"][flat]).max() < 1e-12
    assert (np.diff(table.columns["S2"][~flat])[3:] > 0).all()
    assert table.columns["S1"][flat][-1] == pytest.approx(1e-3 * 196)


def test_multi_power_is_built_for_the_tables_own_schedules():
    law, table = fit_to_schedules(LAWS["multi_power"], small_table(), {})
    assert set(table.columns["curve"]) == {0.0, 1.0}
    data = prepare(table, law)
    assert data.target.size == 80
    assert law is not LAWS["multi_power"]


def test_whole_curve_laws_need_schedules():
    table = small_table()
    for column in ("curve", "step", "lr"):
        short = Table(
            source="runs.csv",
            rows=table.rows,
            columns={k: v for k, v in table.columns.items() if k != column},
        )
        with pytest.raises(UserError, match="curve, step and lr"):
            fit_to_schedules(LAWS["multi_power"], short, {})
    broken = dict(table.columns)
    broken["lr"] = np.where(table.rows == 5, -1.0, broken["lr"])
    with pytest.raises(UserError, match="row 5"):
        fit_to_schedules(
            LAWS["annealing"], Table(source="runs.csv", rows=table.rows, columns=broken), {}
        )


def test_weights_count_like_copies():
    law = LAWS["hestness"]
    rng = np.random.default_rng(0)
    x = np.geomspace(1e5, 1e9, 30)
    y = law.predict(np.array([60.0, 0.3, 0.9]), (x,)) * np.exp(0.02 * rng.standard_normal(30))
    times = rng.integers(1, 4, 30)
    copied = fit(law, (np.repeat(x, times),), np.repeat(y, times), loss=L2())
    weighted = fit(law, (x,), y, loss=L2(), weights=times.astype(float))
    assert weighted.theta == pytest.approx(copied.theta, rel=1e-5)


def test_capabilities_recover_a_planted_component():
    rng = np.random.default_rng(0)
    ability = rng.standard_normal(60)
    scores = 0.5 + 0.1 * np.outer(ability, rng.uniform(0.5, 1.5, 8))
    scores += 0.005 * rng.standard_normal(scores.shape)
    found, share = capabilities(scores, components=2)
    assert share[0] > 0.95
    assert np.corrcoef(found[:, 0], ability)[0, 1] > 0.99
    scores[3, 2] = np.nan
    with pytest.raises(ValueError, match="finite"):
        capabilities(scores)


@pytest.mark.parametrize(
    ("name", "small", "large"),
    [("regression_mixture:17", 0.88, 0.85), ("data_mixing:17", 0.95, 0.97)],
)
def test_mixture_laws_of_tiny_runs_rank_mixtures_of_large_ones(name, small, large):
    """Liu et al. 2024: fitted on 512 runs of 1M parameters, asked about runs of 1B."""
    law = law_named(name)
    folder = "tests/data/laws/regmix2024"
    train = prepare(read_table(f"{folder}/train_mixture_1m.csv"), law)
    fitted = fit(law, train.inputs, train.target, loss=L2(), starts=9)
    assert fitted.agreement > 0.5
    for split, least in (("test_mixture_1m", small), ("test_mixture_1B", large)):
        test = prepare(read_table(f"{folder}/{split}.csv"), law)
        predicted, truth = (
            np.argsort(np.argsort(v)) for v in (fitted.predict(test.inputs), test.target)
        )
        assert np.corrcoef(predicted, truth)[0, 1] > least
