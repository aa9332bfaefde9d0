"""The allocation game from the coalitions of roles: its potential is v, its flow climbs it."""

import numpy as np
import pytest

from orchestrator.analysis.allocation import allocation, flow_from, flow_lines, role_payoff
from orchestrator.analysis.portrait import on_plane, phase_portrait
from orchestrator.analysis.roles import ROLES, flops_shares, role_coalitions
from orchestrator.report.drawing import inline_svg
from search_spaces.gpt.space import CENTRE
from trainers.measurement import components_of

SHARES = np.array([0.5, 0.3, 0.2])


def losses_of(seed=0, sequences=40, noise=0.05):
    random = np.random.default_rng(seed)
    mean = np.array([5.0, 4.0, 4.2, 3.6, 4.5, 3.4, 3.5, 2.0])
    return mean[:, None] + noise * random.normal(size=(8, sequences))


def test_at_the_present_shares_the_potential_is_the_value_of_the_whole_model():
    losses = losses_of()
    payoff = role_payoff(losses, SHARES).payoff
    mean = losses.mean(axis=1)
    assert payoff.potential(SHARES) == pytest.approx(mean[0] - mean[7])


def test_errors_are_those_of_sequences():
    few, many = (role_payoff(losses_of(sequences=s), SHARES) for s in (50, 5000))
    ratio = few.standard_errors().constant / many.standard_errors().constant
    np.testing.assert_allclose(ratio, 10.0, rtol=0.3)
    exact = role_payoff(losses_of(noise=0.0), SHARES)
    np.testing.assert_allclose(exact.covariance, 0.0, atol=1e-20)


def test_the_flow_stays_on_the_simplex_and_climbs_the_potential():
    payoff = role_payoff(losses_of(), SHARES).payoff
    lines = [*flow_lines(payoff.as_matrix()), flow_from(payoff.as_matrix(), SHARES)]
    for line in lines:
        np.testing.assert_allclose(line.sum(axis=1), 1.0, atol=1e-9)
        assert line.min() >= 0.0
        assert (np.diff(payoff.potential(line)) >= -1e-6).all()


def test_the_equilibrium_is_where_the_flow_ends_and_is_among_the_stable_states():
    found = allocation(losses_of(), SHARES, rng=np.random.default_rng(0))
    end = flow_from(found.estimate.payoff.as_matrix(), SHARES)[-1]
    np.testing.assert_allclose(found.equilibrium.state, end, atol=2e-3)
    assert found.equilibrium.is_stable
    distances = np.abs(found.stable_states - found.equilibrium.state).max(axis=1)
    assert distances.min() < 1e-6


def test_roles_part_the_flops_of_a_model():
    a = CENTRE.architecture
    shares = flops_shares(a)
    assert shares.sum() == pytest.approx(1.0)
    assert (shares > 0).all()
    ids = components_of(a).ids
    rows = role_coalitions(ids)
    assert rows.shape == (8, len(ids))
    assert rows[1].sum() == sum(a.num_heads)
    assert rows[2].sum() == a.num_layers
    assert rows[4].tolist() == [c.kind == "embedding" for c in ids]
    assert rows[7].all()


def test_the_portrait_names_every_role_and_has_its_marks():
    found = allocation(losses_of(), SHARES, rng=np.random.default_rng(0))
    svg = inline_svg(phase_portrait(found), description="d")
    for text in (*ROLES, "present shares", "saddle"):
        assert f">{text}</text>" in svg
    corners = on_plane(np.eye(3))
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
    np.testing.assert_allclose(sides, 1.0)
