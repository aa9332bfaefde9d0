import math
import statistics
from dataclasses import replace

import pytest

from orchestrator.events import GenerationClosed
from orchestrator.story.comparison import compare, verdict
from orchestrator.story.lineage import explained, lineage
from orchestrator.story.metrics import final_points, generation_points
from orchestrator.story.telling import (
    Story,
    leaderboard,
    share_spent,
    tokens_per_second,
    told,
)


def until_generation(tale, generation):
    """The events up to the closing of a generation."""
    end = next(
        at
        for at, event in enumerate(tale)
        if isinstance(event, GenerationClosed) and event.generation == generation
    )
    return tale[: end + 1]


def test_leaderboard_has_the_fittest_first_and_no_baseline(tale):
    standings = leaderboard(told(tale))
    assert [(s.rank, s.member, s.fitness) for s in standings] == [(1, 1, -2.12), (2, 0, -2.22)]


def test_leaderboard_has_failed_members_last_and_unranked(tale):
    standings = leaderboard(told(until_generation(tale, 0)))
    assert [(s.rank, s.member) for s in standings] == [(1, 0), (None, 1)]
    assert standings[1].failure == "non-finite loss at step 3"


def test_tokens_are_conserved_and_the_baseline_is_not_of_the_budget(tale):
    story = told(tale)
    assert story.tokens == story.closings[-1].tokens == 6000
    assert story.flops == story.closings[-1].flops
    assert share_spent(story) == 1.0
    assert share_spent(told(until_generation(tale, 0))) == pytest.approx(1 / 3)


def test_share_counts_tokens_in_flight_and_never_exceeds_one(tale):
    story = told(until_generation(tale, 0))
    assert share_spent(story, 1000) == pytest.approx(0.5)
    assert share_spent(story, 10**9) == 1.0


def test_share_of_a_budget_in_flops(tale):
    story = told(until_generation(tale, 0))
    story.started.run["budget"] = {"tokens": None, "flops": 8e9}
    assert share_spent(story) == pytest.approx(0.25)
    assert share_spent(story, 2000) == pytest.approx(0.5)


def test_best_is_of_the_population_although_the_baseline_is_lower(tale):
    assert told(tale).best.nats_per_token == 2.1


def test_of_two_reports_with_the_lowest_loss_the_earlier_is_best(tale):
    first = told(tale).best
    again = replace(first, generation=first.generation + 1)
    assert told((*tale, again)).best is first


def test_tokens_per_second_is_over_the_busiest_worker(tale):
    assert tokens_per_second(told(tale), 2) == pytest.approx(2000 / 2.5)
    assert tokens_per_second(Story(), 0) is None


def test_lineage_goes_through_the_donor(tale):
    first, second = lineage(told(tale), 1, 2)
    assert (first.member, first.first_generation, first.last_generation) == (0, 0, 0)
    assert (second.member, second.first_generation, second.last_generation) == (1, 1, 2)
    assert second.genes == (
        ("d_model", 64, 80),
        ("num_heads", [2, 2], [2, 4]),
        ("learning_rate", 0.001, 0.002),
    )
    assert (first.nats_per_token, second.nats_per_token) == (3.0, 2.1)


def test_lineage_of_a_member_that_was_never_replaced_is_one_stretch(tale):
    (only,) = lineage(told(tale), 0, 2)
    assert (only.first_generation, only.last_generation, only.genes) == (0, 2, ())


def test_a_step_is_explained_with_its_genes_moves_and_probe(tale):
    told_step = explained(lineage(told(tale), 1, 2)[1])
    assert told_step.startswith("adopted member 0, genome by optuna")
    assert "d_model 64 → 80" in told_step
    assert "num_heads [2 2] → [2 4]" in told_step
    assert "add 2 heads to layer 1 (probe loss +0.0001)" in told_step


def test_comparison_is_paired_over_batches(tale):
    compared = compare(told(tale))
    pairs = [2 * (2.0 - 2.3), 2 * (2.2 - 2.4), 2 * (2.1 - 2.5)]
    assert compared.difference == pytest.approx(statistics.mean(pairs))
    assert compared.standard_error == pytest.approx(statistics.stdev(pairs) / math.sqrt(3))
    assert verdict(compared) == "the winner is better than the default genome"


def test_a_worse_winner_is_said_to_be_worse(tale):
    story = told(tale)
    story.assessed = {"winner": story.assessed["baseline"], "baseline": story.assessed["winner"]}
    assert "WORSE" in verdict(compare(story))


def test_no_comparison_before_both_are_assessed(tale):
    assert compare(told(tale[:-3])) is None


def test_points_of_a_generation_are_finite_numbers(tale):
    events = until_generation(tale, 0)
    points = generation_points(told(events), events[-1])
    assert points["best_loss"] == 3.0
    assert points["failed"] == 1
    assert (points["median_loss"], points["worst_loss"]) == (3.0, 3.0)
    assert points["replaced"] == 0
    assert all(math.isfinite(value) for value in points.values())


def test_points_tell_the_price_that_the_front_shows(tale):
    events = list(until_generation(tale, 0))
    events[-1] = replace(events[-1], price=7.0, price_reason="slope 7 of a front of 2 members")
    assert generation_points(told(events), events[-1])["price"] == 7.0


def test_final_points_are_the_heldout_results(tale):
    points = final_points(told(tale))
    assert points["heldout/winner_bits_per_byte"] == pytest.approx(4.2)
    assert points["heldout/difference_bits_per_byte"] == pytest.approx(-0.6)
    assert final_points(Story()) == {}
