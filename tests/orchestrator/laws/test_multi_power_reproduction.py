"""Luo et al. 2025 (arXiv:2503.12811): published metrics, and the optimum of their own objective."""

import numpy as np
import pytest

from orchestrator.laws.fitting.fit import fit
from orchestrator.laws.fitting.losses import Huber
from orchestrator.laws.forms import LAWS
from orchestrator.laws.forms.annealing import areas
from orchestrator.laws.forms.multi_power import build
from orchestrator.laws.reading import read_table

TRAIN = ("cosine_24000", "constant_24000", "wsdcon_9")
TEST = (
    "constant_72000",
    "cosine_72000",
    "wsd_20000_24000",
    "wsdld_20000_24000",
    "wsdcon_3",
    "wsdcon_18",
)
CURVES = (*TRAIN, *TEST)
# L0, A, alpha, B, C, beta, gamma
PUBLISHED = {
    "25M": (3.04045406, 0.52468604, 0.50786857, 363.78751622, 2.06560812, 0.58279013, 0.64142257),
    "100M": (2.6514477, 0.60115152, 0.45295811, 437.9464276, 2.13245612, 0.59785199, 0.65523644),
    "400M": (2.37474466, 0.65421216, 0.42878731, 523.42464371, 2.02462735, 0.59350493, 0.63472457),
}
# R2, MAE, RMSE, PredE, WorstE: means over the six test curves
METRICS = {
    "25M": (0.9988, 0.00376, 0.00465, 0.00110, 0.00409),
    "100M": (0.9983, 0.00435, 0.00592, 0.00142, 0.00583),
    "400M": (0.9978, 0.00484, 0.00730, 0.00168, 0.00995),
}
OBJECTIVES = {"25M": 1.39e-4, "100M": 2.14e-5, "400M": 7.9e-5}
SIZES = pytest.mark.parametrize("size", list(PUBLISHED))


def schedule(curve, *, warmup=2160, peak=3e-4, end=3e-5):
    """Learning rate of every step."""
    rise = np.linspace(0, peak, warmup)
    kind, *numbers = curve.split("_")
    match kind:
        case "cosine":
            total = int(numbers[0])
            share = np.arange(total - warmup) / (total - warmup)
            after = end + 0.5 * (peak - end) * (1 + np.cos(np.pi * share))
        case "constant":
            after = np.full(int(numbers[0]) - warmup, peak)
        case "wsdcon":
            after = np.concatenate(
                [np.full(8000 - warmup, peak), np.full(8000, int(numbers[0]) * 1e-5)]
            )
        case _:
            stable, total = int(numbers[0]), int(numbers[1])
            share = np.arange(total - stable) / (total - stable)
            fall = (
                peak ** (1 - share) * end**share if kind == "wsd" else peak + (end - peak) * share
            )
            after = np.concatenate([np.full(stable - warmup, peak), fall])
    return np.concatenate([rise, after])


SCHEDULES = [schedule(curve) for curve in CURVES]


@pytest.fixture(scope="module")
def table():
    return read_table("tests/data/laws/multipowerlaw2025/data.csv").columns


def rows(table, size, curves):
    """Curve index, step and loss of the logged points, dropping steps the schedule lacks."""
    index = np.array([CURVES.index(c) for c in table["curve"]])
    lengths = np.array([s.size for s in SCHEDULES])[index]
    keep = (table["size"] == size) & np.isin(table["curve"], curves) & (table["step"] < lengths)
    return index[keep].astype(float), table["step"][keep], table["loss"][keep]


@SIZES
def test_published_metrics_from_published_parameters(table, size):
    law = build(SCHEDULES)
    found = []
    for curve in TEST:
        *inputs, loss = rows(table, size, [curve])
        error = loss - law.predict(np.array(PUBLISHED[size]), tuple(inputs))
        relative = np.abs(error) / loss
        r2 = 1 - np.sum(error**2) / np.sum((loss - loss.mean()) ** 2)
        found.append(
            (r2, np.abs(error).mean(), np.sqrt(np.mean(error**2)), relative.mean(), relative.max())
        )
    digits = (4, 5, 5, 5, 5)
    assert (
        tuple(round(float(m), d) for m, d in zip(np.mean(found, axis=0), digits, strict=True))
        == METRICS[size]
    )


@SIZES
def test_optimizer_finds_the_minimum_of_their_objective_and_warns(table, size):
    curve, step, loss = rows(table, size, TRAIN)
    coarse = build(SCHEDULES[:3], block=64)
    fitted = fit(coarse, (curve, step), loss, loss=Huber(), starts=6, clusters=curve)
    exact = build(SCHEDULES[:3]).predict(fitted.theta, (curve, step))
    assert Huber().value(np.log(exact) - np.log(loss)).sum() <= OBJECTIVES[size]
    told = " ".join(fitted.identifiability.warnings)
    for name in ("C", "beta", "gamma"):
        named = [w for w in fitted.identifiability.warnings if name in w.replace(",", " ").split()]
        assert named, (name, told)


def test_blocks_change_the_prediction_by_less_than_a_thousandth():
    theta = np.array(PUBLISHED["100M"])
    step = np.arange(2200.0, 16000.0, 100.0)
    for k in range(3):
        inputs = (np.full(step.size, float(k)), step)
        exact = build(SCHEDULES[:3]).predict(theta, inputs)
        coarse = build(SCHEDULES[:3], block=64).predict(theta, inputs)
        np.testing.assert_allclose(coarse, exact, atol=1e-3)


def test_annealing_law_fits_a_cosine_and_predicts_other_schedules(table):
    """Tissue et al. 2024: a law fitted on two curves predicts curves of other schedules."""

    def features(curves):
        s1, s2, loss = [], [], []
        for curve in curves:
            _, step, y = rows(table, "100M", [curve])
            rates = schedule(curve) / 3e-4
            flat = rates.copy()
            flat[:2160] = 1.0
            keep = step > 2500
            at = step[keep].astype(int)
            s1.append(areas(rates)[0][at])
            s2.append(areas(flat)[1][at])
            loss.append(y[keep])
        return (np.concatenate(s1), np.concatenate(s2)), np.concatenate(loss)

    inputs, loss = features(["cosine_24000", "constant_24000", "wsdcon_9"])
    fitted = fit(LAWS["annealing"], inputs, loss, loss=Huber())
    assert fitted.agreement > 0.9
    for curve in ("wsd_20000_24000", "wsdld_20000_24000", "wsdcon_3", "wsdcon_18"):
        new, truth = features([curve])
        error = np.abs(fitted.predict(new) - truth) / truth
        assert error.mean() < 0.005, curve
