"""Published parameters give what the papers say of them: a second formula for each."""

import numpy as np
import pytest

from orchestrator.laws.forms import LAWS, clark_routed, kaplan_steps
from orchestrator.laws.forms.critical_batch_loss import LAW as CRITICAL_BATCH


def test_routing_with_one_expert_is_the_dense_model():
    """Clark et al. 2022: their dense models follow (3.568e13/N)^0.078, routed ones start there."""
    law = clark_routed.LAW
    size = np.geomspace(5e7, 1.3e9, 12)
    theta = law.vector(clark_routed.PUBLISHED)
    one = law.predict(theta, (size, np.ones(12)))
    np.testing.assert_allclose(one, (3.568e13 / size) ** 0.078, rtol=0.02)
    many = law.predict(theta, (size, np.full(12, 64.0)))
    assert (many < one).all()
    gain = np.log(one / many)
    assert (np.diff(gain) < 0).all()  # routing helps large models less
    # and stops helping where the slope in log E vanishes: N_cutoff of the paper is 937B
    cutoff = np.exp(clark_routed.PUBLISHED["b"] / clark_routed.PUBLISHED["c"])
    assert cutoff == pytest.approx(937e9, rel=0.25)  # c is printed with one digit


def test_kaplans_critical_batch_doubles_for_a_loss_13_percent_lower():
    theta = CRITICAL_BATCH.vector({"B*": 2.1e8, "alpha_B": 0.21})
    before, after = CRITICAL_BATCH.predict(theta, (np.array([3.0, 3.0 * 0.87]),))
    assert after / before == pytest.approx(2.0, rel=0.04)


def test_kaplans_laws_in_size_agree_where_data_and_steps_are_unlimited():
    """Tables 2 and 3 of Kaplan et al. 2020 describe the same converged models."""
    size = np.geomspace(1e6, 1e9, 7)
    far = np.full(7, 1e30)
    by_steps = LAWS["kaplan_steps"].predict(
        LAWS["kaplan_steps"].vector(kaplan_steps.PUBLISHED), (size, far)
    )
    joint = {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103}
    by_data = LAWS["kaplan_joint"].predict(LAWS["kaplan_joint"].vector(joint), (size, far))
    plain = LAWS["kaplan_size"].predict(np.array([8.8e13, 0.076]), (size,))
    np.testing.assert_allclose(by_steps, by_data, rtol=0.02)
    np.testing.assert_allclose(by_data, plain, rtol=0.03)


def test_steps_at_the_critical_batch_are_twice_the_fewest():
    law = LAWS["critical_batch_steps"]
    (steps,) = law.predict(law.vector({"S_min": 1000.0, "B_crit": 2e5}), (np.array([2e5]),))
    assert steps == pytest.approx(2000.0)
    # the least steps that Kaplan et al. derive from a run are those of McCandlish et al.'s hyperbola
    assert kaplan_steps.least_steps(steps, 2e5, 2e5) == pytest.approx(1000.0)


def test_skaling_holds_chinchilla_and_kaplan():
    x = (np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e10, 5))
    skaling = LAWS["skaling"]
    chinchilla = {"E": 1.8, "A": 482.0, "B": 2085.0, "alpha": 0.348, "beta": 0.366}
    np.testing.assert_allclose(
        skaling.predict(skaling.vector({**chinchilla, "k": 1.0}), x),
        LAWS["chinchilla"].predict(LAWS["chinchilla"].vector(chinchilla), x),
    )
    kaplan = {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103}
    power = kaplan["alpha_N"] / kaplan["alpha_D"]
    same = {
        "E": 0.0, "A": kaplan["N_c"] ** power, "B": kaplan["D_c"], "alpha": power, "beta": 1.0,
        "k": kaplan["alpha_D"],
    }  # fmt: skip
    np.testing.assert_allclose(
        skaling.predict(skaling.vector(same), x),
        LAWS["kaplan_joint"].predict(LAWS["kaplan_joint"].vector(kaplan), x),
    )
