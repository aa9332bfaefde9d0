"""What must not pay: a hotter learning rate, a bigger model's louder gradients, an exploit's past."""

from dataclasses import replace

import numpy as np
import pytest

from orchestrator.appraisal import Appraisal
from orchestrator.census import Census
from orchestrator.component_game import ComponentGame
from orchestrator.fitness import FitnessRule
from orchestrator.game_terms import GameTerms
from orchestrator.generation import known_components
from orchestrator.population import Life, MemberRecord
from orchestrator.tasks import Train
from search_spaces.gpt.space import GPT

SPACE = GPT.with_constants(vocab_size=64, context_length=32)


def alone(genome):
    """Return a population of one member that trains."""
    census = Census()
    census.enter(MemberRecord(member=0, order=None, running=Life(genome=genome)))
    return census


@pytest.fixture
def scored(rules, answer):
    """Score a report of a genome by all of the game's terms at a price."""
    terms = GameTerms(remaining_improvement=0.3, nash_average=0.3, guard_rail=True)
    rule = FitnessRule(nats_per_gflop_per_token=20.0, game=terms)

    def make(genome, *, change=lambda report: report):
        task = Train(
            member=0, generation=0, genome=SPACE.default(), source=None, tokens=1024,
            ledger=Life(genome=genome).ledger, seed=1, price=20.0,
        )  # fmt: skip
        report = change(answer(task))
        (score,) = Appraisal(rules(fitness=rule)).score([report], alone(genome))
        return score.fitness

    return make


@pytest.mark.parametrize("removed", [0, 2])
def test_a_score_says_what_a_higher_price_would_cost_it(rules, answer, removed):
    """Earlier points of a curve are repriced by it: what the best reply did without is not paid."""
    genome = SPACE.default()
    task = Train(
        member=0, generation=0, genome=genome, source=None, tokens=1024,
        ledger=Life(genome=genome).ledger, seed=1, price=20.0,
    )  # fmt: skip
    report = answer(task)
    game = replace(
        ComponentGame.from_json(report.game),
        removed=(("head", 0, 0), ("ffn", 0, 0))[:removed],
        rise=1e-6 if removed else 0.0,
        saved_gflops=1e-4 if removed else 0.0,
    )
    report = replace(report, game=game.to_json())

    def score(price):
        rule = FitnessRule(nats_per_gflop_per_token=price, game=GameTerms())
        return Appraisal(rules(fitness=rule)).score([report], alone(genome))[0]

    dearer = score(20.0).fitness.value - 5.0 * score(20.0).gflops
    assert score(25.0).fitness.value == pytest.approx(dearer, abs=1e-12)


def test_raising_the_learning_rate_at_equal_loss_does_not_raise_fitness(scored):
    cool = scored(SPACE.default())
    for factor in (0.1, 10.0):
        hot = SPACE.with_genes(SPACE.default(), {"learning_rate": 3e-3 * factor})
        assert scored(hot) == cool


def test_louder_gradients_do_not_raise_fitness(scored):
    """Loss scaling, gradient accumulation and width multiply every |delta|: fitness is in nats."""

    def louder(report):
        told = {
            name: (1000 * np.array(value)).tolist() if name[:3] in {"ffn", "emb"} else
            [[1000 * u for u in layer] for layer in value]
            for name, value in report.utilities.items()
        }  # fmt: skip
        return replace(report, utilities=told)

    assert scored(SPACE.default(), change=louder) == scored(SPACE.default())


def test_members_of_different_sizes_are_compared_in_nats(scored):
    """At equal loss, no price and no move that pays, size gives no advantage at all."""

    def no_reply(report):
        game = ComponentGame.from_json(report.game)
        quiet = replace(game, removed=(), rise=0.0, saved_gflops=0.0)
        return replace(report, game=quiet.to_json())

    large = SPACE.default()
    small = SPACE.repair(SPACE.with_genes(large, {"d_model": 64, "d_ff": (128,) * 4})).genome
    one, other = (scored(genome, change=no_reply) for genome in (large, small))
    assert one.value + one.part("cost_price") == pytest.approx(
        other.value + other.part("cost_price")
    )
    assert one.part("cost_price") > other.part("cost_price")


def test_what_a_proposer_knows_is_of_the_state_that_was_taken_over(answer):
    task = Train(
        member=0, generation=0, genome=SPACE.default(), source=None, tokens=1024,
        ledger=Life(genome=SPACE.default()).ledger, seed=1, price=20.0,
    )  # fmt: skip
    report = answer(task)
    known = known_components(report)
    assert [list(layer) for layer in known.heads] == report.utilities["heads"]
    assert known.game.to_json() == report.game
    assert known_components(replace(report, utilities=None)) is None
