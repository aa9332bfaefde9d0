"""A search with the game on: the same log whoever is quick and whatever crashed."""

import json
from dataclasses import replace

import pytest

from orchestrator.component_game import ComponentGame
from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.events import GenerationClosed, Ordered, Reported, Scored, SearchFinished
from orchestrator.fitness import FitnessRule
from orchestrator.game_terms import GameTerms
from orchestrator.proposers import PROPOSERS, WeightedProposer, WeightedProposers
from orchestrator.score import Score
from search_spaces.gpt.cost import flops_per_token

TERMS = GameTerms(remaining_improvement=0.1, nash_average=0.5, guard_rail=True)
PROPOSED_BY = ("best_reply", "replicator", "mutation")


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


@pytest.fixture
def playing(rules):
    """Make rules with every term, the price of the front and the game's own proposers."""

    def make(*, terms=TERMS, front=True, **changes):
        space = rules().space
        proposers = WeightedProposers(
            tuple(
                WeightedProposer(name=name, proposer=PROPOSERS[name](space), weight=1.0)
                for name in PROPOSED_BY
            )
        )
        fitness = FitnessRule(price_of_front=front, game=terms)
        return rules(proposers=proposers, fitness=fitness, **changes)

    return make


def test_the_log_does_not_depend_on_who_is_quick_and_resumes_from_any_report(
    tmp_path, simulation, playing
):
    size = {"members": 5, "generations": 4}
    whole = tmp_path / "whole.jsonl"
    events = simulation(whole, playing(**size)).run()
    simulation(tmp_path / "1.jsonl", playing(**size), order=1).run()
    assert (tmp_path / "1.jsonl").read_bytes() == whole.read_bytes()
    for cut in range(1, len(of(Reported, events)), 6):
        path = tmp_path / f"cut{cut}.jsonl"
        simulation(path, playing(**size), order=cut).run(stop_after=cut)
        resumed = simulation(path, playing(**size), order=cut + 100)
        resumed.run()
        assert path.read_bytes() == whole.read_bytes()
        assert resumed.departures == 0
    assert {e.proposer for e in of(Ordered, events) if e.decision == "replace"} <= set(PROPOSED_BY)


def test_prices_come_from_the_front_and_are_those_at_which_games_are_played(
    tmp_path, simulation, playing
):
    events = simulation(tmp_path / LOG_NAME, playing(generations=6)).run()
    prices = {c.generation: c.price for c in of(GenerationClosed, events)}
    assert any(price > 0 for price in prices.values())
    assert all(c.price_reason for c in of(GenerationClosed, events))
    for report in of(Reported, events):
        if report.member < 6:
            before = prices[report.generation - 1] if report.generation else 0.0
            assert report.game["price"] == before
        else:  # the baseline is judged on held-out text alone
            assert report.game is None


def test_the_price_of_the_log_wins_on_replay(tmp_path, simulation, playing, monkeypatch):
    path = tmp_path / LOG_NAME
    made = {"members": 4, "generations": 4}
    simulation(path, playing(**made)).run(stop_after=8)
    before = [e.price for e in of(GenerationClosed, read_log(path)[0])]
    monkeypatch.setattr("orchestrator.pricing.MOVE", 0.5)
    resumed = simulation(path, playing(**made))
    events = resumed.run()
    assert [e.price for e in of(GenerationClosed, events)][:2] == before
    second = [e.game["price"] for e in of(Reported, events) if e.generation == 2 and e.member < 4]
    assert set(second) == {before[1]}


def test_scores_carry_every_term_and_say_what_the_guard_rail_was(tmp_path, simulation, playing):
    events = simulation(tmp_path / LOG_NAME, playing(generations=6)).run()
    reports = {(r.member, r.generation): r for r in of(Reported, events)}
    gains = 0
    for score in of(Scored, events):
        parts = score.parts["parts"]
        total = sum(nats for name, nats in parts.items() if name != "standard_error")
        assert score.fitness == pytest.approx(-total)
        assert score.parts["guard_rail"].startswith(("the loss", "corrected"))
        game = ComponentGame.from_json(reports[score.member, score.generation].game)
        assert parts["best_reply"] == -game.phi_gain(game.price)
        gains += parts["best_reply"] < 0
    assert gains > 0


def test_an_asynchronous_search_plays_too(tmp_path, simulation, playing):
    made = {"mode": "asynchronous", "members": 5, "generations": 4}
    path = tmp_path / LOG_NAME
    simulation(path, playing(**made), order=3).run(stop_after=9)
    before = path.read_bytes()
    events = simulation(path, playing(**made)).run()
    assert path.read_bytes().startswith(before)
    assert isinstance(events[-1], SearchFinished)
    assert all(r.game is not None for r in of(Reported, events) if r.member < 5)


def test_without_a_game_nothing_of_it_is_in_the_log(tmp_path, simulation, rules):
    path = tmp_path / LOG_NAME
    events = simulation(path, rules()).run()
    assert all(r.game is None and r.domain_losses is None for r in of(Reported, events))
    assert all(c.price is None for c in of(GenerationClosed, events))
    names = {"loss_present", "horizon_correction", "cost_price", "standard_error"}
    assert all(s.parts["parts"].keys() == names for s in of(Scored, events))
    assert all("guard_rail" not in s.parts for s in of(Scored, events))


def test_a_changed_price_is_nobodys_gain(tmp_path, simulation, rules):
    """Curves are told at one price: a gain differs from one at no price by cost alone."""
    made = rules(members=3, generations=2)
    search = simulation(tmp_path / LOG_NAME, made)
    search.run()
    record = search.search.records[0]
    life = record.outcome.life
    gflops = flops_per_token(life.genome.architecture, sequence_length=32) / 1e9
    assert [point.gflops for point in life.curve] == [pytest.approx(gflops)] * len(life.curve)
    running = replace(record, running=life, outcome=None)
    dear = running.answered(
        record.outcome.report,
        Score(fitness=record.outcome.fitness, price=7.0, gflops=gflops, architecture_gflops=gflops),
    )
    for before, after in zip(life.curve, dear.outcome.life.curve, strict=False):
        assert after.fitness == pytest.approx(before.fitness - 7.0 * gflops)
        assert after.losses == before.losses


def test_a_game_is_told_and_read_as_it_was(rules, game_of):
    import numpy as np

    genome = rules().first_genomes[0]
    game = game_of(genome.architecture, 3.0, np.random.default_rng(0))
    assert ComponentGame.from_json(json.loads(json.dumps(game.to_json()))) == game
    told = game.to_json()
    del told["loss_rise"]
    with pytest.raises(ValueError, match="loss_rise"):
        ComponentGame.from_json(told)
