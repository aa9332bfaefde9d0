"""Gadre et al. 2024 (arXiv:2403.08540): fit five small runs, predict two large ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orchestrator.laws.fitting.fit import fit
from orchestrator.laws.fitting.losses import L2
from orchestrator.laws.forms import LAWS
from orchestrator.laws.reading import read_table

RUNS = Path("tests/data/laws/gadre2024/data.csv")
SMALL = ("d=96_l=8_h=4", "d=512_l=8_h=4", "d=576_l=24_h=8", "d=1024_l=24_h=8")


@pytest.fixture(scope="module")
def table():
    table = read_table(str(RUNS))
    return table.keep(table.columns["dataset_name"] == "rpj", "RedPajama")


def select(table, model, multiple):
    c = table.columns
    return int(np.flatnonzero((c["model_name"] == model) & (c["cc_mult"] == multiple))[0])


@pytest.fixture(scope="module")
def training(table):
    return [*(select(table, model, 1) for model in SMALL), select(table, SMALL[0], 16)]


@pytest.fixture(scope="module")
def loss_fit(table, training):
    """The authors fit plain losses by least squares; so the law is used with plain residuals."""
    law = replace(LAWS["gadre_loss"], residual="identity")
    c = table.columns
    return fit(
        law, (c["flops"][training], c["tok_mult"][training]), c["loss_c4_val"][training], loss=L2()
    )


def test_parameters_in_their_convention(loss_fit):
    p = loss_fit.parameters
    assert p["a"] * 6 ** -p["eta"] == pytest.approx(166.21098, rel=1e-4)
    assert p["b"] == pytest.approx(366.68716, rel=1e-4)
    assert -2 * p["eta"] == pytest.approx(-0.2728507, rel=1e-5)
    assert p["E"] == pytest.approx(1.83664836, rel=1e-5)


@pytest.mark.parametrize(
    ("model", "multiple", "published"), [("open_lm_1b", 32, 0.7103), ("open_lm_7b", 1, 0.7320)]
)
def test_relative_error_of_the_loss(table, loss_fit, model, multiple, published):
    row, c = select(table, model, multiple), table.columns
    predicted = loss_fit.predict((c["flops"][[row]], c["tok_mult"][[row]]))[0]
    error = 100 * abs(predicted - c["loss_c4_val"][row]) / c["loss_c4_val"][row]
    assert error == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize(
    ("run", "published"), [(("open_lm_1b", 32), 3.6365), (("open_lm_7b", 1), 0.0464)]
)
def test_relative_error_of_the_downstream_error(table, training, loss_fit, run, published):
    """The error law is fitted on one more run (1.4B, M = 20) and reads the predicted loss."""
    c = table.columns
    rows = [*training, select(table, "open_lm_1b", 1)]
    errors = fit(
        LAWS["gadre_error"], (c["loss_c4_val"][rows],), c["err_avg_subset"][rows], loss=L2()
    )
    row = select(table, *run)
    loss = loss_fit.predict((c["flops"][[row]], c["tok_mult"][[row]]))
    predicted = errors.predict((loss,))[0]
    truth = c["err_avg_subset"][row]
    assert 100 * abs(predicted - truth) / truth == pytest.approx(published, abs=5e-5)
