"""The learning rate along a lineage, and searches that are judged at the horizon."""

from dataclasses import replace

import numpy as np
import pytest

from orchestrator.event_log import LOG_NAME
from orchestrator.events import Ledger, Scored
from orchestrator.fitness import FitnessRule
from orchestrator.horizon import ESTIMATORS
from orchestrator.population import Life, inherited
from orchestrator.standings import POINTS, learning_rates
from trainers.schedules import learning_rate_factor


@pytest.fixture
def genome(rules):
    first = rules().first_genomes[0]
    protocol = replace(
        first.protocol, learning_rate=1e-3, schedule="wsd", warmup_fraction=0.1, decay_fraction=0.3
    )
    return replace(first, protocol=protocol)


def test_without_ancestors_it_is_the_schedule_of_the_trainer(genome):
    rates = learning_rates(Life(genome=genome), horizon_tokens=10**6)
    for at in (0, 20, 200, 400, POINTS - 1):
        factor = learning_rate_factor(
            (at + 0.5) / POINTS, schedule="wsd", warmup_fraction=0.1, decay_fraction=0.3
        )
        assert rates[at] == pytest.approx(1e-3 * factor)


def test_what_ancestors_did_stays_and_what_the_genome_will_do_follows(genome):
    parent = Life(genome=genome, ledger=Ledger(tokens=250_000))
    slower = replace(genome, protocol=replace(genome.protocol, learning_rate=2e-4))
    child = inherited(parent, slower)
    grandchild = inherited(replace(child, ledger=Ledger(tokens=500_000)), genome)
    mine, parents, childs = (
        learning_rates(life, horizon_tokens=10**6) for life in (grandchild, parent, child)
    )
    quarter, half = POINTS // 4, POINTS // 2
    np.testing.assert_array_equal(mine[:quarter], parents[:quarter])
    np.testing.assert_array_equal(mine[quarter:half], childs[quarter:half])
    np.testing.assert_array_equal(mine[half:], parents[half:])
    assert mine[quarter] == pytest.approx(2e-4)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_replay_and_independence_of_who_is_quick_hold_at_the_horizon(
    tmp_path, simulation, rules, name
):
    made = lambda: rules(  # noqa: E731 - proposers have state: each search makes its own
        members=4, generations=6, fitness=FitnessRule(horizon=ESTIMATORS[name]())
    )
    whole = tmp_path / LOG_NAME
    events = simulation(whole, made()).run()
    for cut in (3, 9, 14, 21):
        path = tmp_path / f"{cut}.jsonl"
        simulation(path, made(), order=cut).run(stop_after=cut)
        resumed = simulation(path, made(), order=cut + 100)
        resumed.run()
        assert path.read_bytes() == whole.read_bytes()
        assert resumed.departures == 0
    used = {e.parts["horizon"] for e in events if isinstance(e, Scored) and e.parts}
    assert name in used


def test_an_asynchronous_search_learns_from_those_still_training(tmp_path, simulation, rules):
    made = rules(
        mode="asynchronous", members=4, generations=5,
        fitness=FitnessRule(horizon=ESTIMATORS["annealing"]()),
    )  # fmt: skip
    events = simulation(tmp_path / LOG_NAME, made, order=3).run()
    told = [e.parts["horizon_reason"] for e in events if isinstance(e, Scored) and e.parts]
    assert told[0] == "1 usable points, fewer than 6"
    needs = {reason.rpartition(" ")[2] for reason in told if "usable points" in reason}
    assert needs >= {"6", "9"}  # one member, then all four
    assert any(e.parts["horizon"] == "annealing" for e in events if isinstance(e, Scored))
