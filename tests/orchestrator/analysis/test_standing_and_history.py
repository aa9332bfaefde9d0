"""Verdicts at a price, prices of populations, shares over generations and sizes."""

import numpy as np
import pytest

from orchestrator.analysis.history import founder, shares_by_generation
from orchestrator.analysis.sizes import SizedEquilibrium, trend_of
from orchestrator.analysis.standing import PriceOfFlops, price_of_population, standing
from orchestrator.analysis.telling import foreseen
from orchestrator.game.empirical import UncertainEquilibrium
from orchestrator.story.telling import told
from trainers.measurement import ComponentId, LeaveOneOut, Spent


def measured(delta, error):
    return LeaveOneOut(
        components=tuple(ComponentId("head", 0, i) for i in range(len(delta))),
        delta=np.array(delta),
        standard_error=np.array(error),
        base_loss=2.0,
        sequences=100,
        ablation="zero",
        spent=Spent(),
    )


def test_a_component_pays_is_in_doubt_or_does_not_pay():
    found = standing(
        measured([0.5, 0.11, 0.01], [0.01, 0.01, 0.01]),
        np.array([1e6, 1e6, 1e6]),
        PriceOfFlops(nats_per_flop=1e-7, source="chosen"),
    )
    assert found.verdicts == ("earns its place", "undecided", "does not pay")
    assert found.exploitability.total == pytest.approx(0.1 - 0.01 - 0.02)
    assert not found.strictness.is_strict


def test_all_worth_more_than_they_cost_is_a_strict_equilibrium():
    free = PriceOfFlops(nats_per_flop=0.0, source="free")
    found = standing(measured([0.5, 0.1], [0.01, 0.01]), np.ones(2), free)
    assert found.strictness.is_strict
    assert found.exploitability.total == 0.0


def test_the_price_is_the_slope_of_the_front_or_nothing_with_the_reason():
    price = price_of_population([1e6, 2e6, 2e6], [3.0, 2.5, 2.9], at=1.5e6)
    assert price.nats_per_flop == pytest.approx(5e-7)
    assert "2 of them on it" in price.source
    none = price_of_population([1e6, 2e6], [2.0, 2.5], at=1e6)
    assert none.nats_per_flop == 0.0
    assert "the cheapest is the best" in none.source


def test_generations_tell_shares_and_equilibria_from_the_log_alone(simulation, rules, tmp_path):
    story = told(tuple(simulation(tmp_path / "log", rules()).run()))
    generations = shares_by_generation(story, rng=np.random.default_rng(0))
    assert [g.generation for g in generations] == list(range(5))
    for generation in generations:
        assert generation.members == 6
        assert generation.shares.sum() == pytest.approx(1.0)
        assert generation.utilities is None
        assert generation.equilibrium is not None
        assert generation.equilibrium.state.sum() == pytest.approx(1.0)
        assert generation.cross_validated_r2 is not None
    founders = {founder(story, point) for point in story.reports}
    assert all(story.orders[point].source is None for point in founders)
    assert all(generation == 0 for _, generation in founders)


def test_failed_members_have_no_share(simulation, rules, tmp_path):
    fails = lambda task: task.member == 1  # noqa: E731
    story = told(tuple(simulation(tmp_path / "log", rules(), fails=fails).run()))
    generations = shares_by_generation(story, rng=np.random.default_rng(0))
    assert generations[0].members == 5


def sized(member, parameters, attention):
    state = np.array([attention, 0.8 - attention, 0.2])
    equilibrium = UncertainEquilibrium(
        state=state, is_stable=True, standard_errors=np.zeros(3), low=state, high=state,
        same_roles=1.0,
    )  # fmt: skip
    return SizedEquilibrium(
        member=member, parameters=parameters, shares=state, equilibrium=equilibrium
    )


def test_a_trend_needs_three_sizes_and_finds_their_slope():
    members = [sized(0, 10_000, 0.2), sized(1, 100_000, 0.3), sized(2, 1_000_000, 0.4)]
    assert trend_of(members[:2]) is None
    assert trend_of([members[0]] * 5) is None
    trend = trend_of(members)
    np.testing.assert_allclose(trend.slopes, [0.1, -0.1, 0.0], atol=1e-9)
    np.testing.assert_allclose(trend.predict(1e7).shares, [0.5, 0.3, 0.2], atol=1e-9)
    assert "at 10.0M parameters to attention 50% (" in foreseen(trend, 1e7)
    assert "off the simplex" not in foreseen(trend, 1e7)
    assert "off the simplex" in foreseen(trend, 1e13)
