"""Laws of the plan: equal tokens for all, pairs that share their seeds, the lineage as it was."""

import json
from dataclasses import replace

import pytest

from orchestrator.certification import plan_from_json
from orchestrator.certification.planning import best_of_first_generation
from orchestrator.certification.tokens import tokens_of
from orchestrator.errors import UserError
from orchestrator.story.replay import passages
from orchestrator.verdict import default_of_size
from search_spaces.gpt.cost import count_parameters


@pytest.mark.parametrize("tokens", [None, 8192, 4096, 2080, 96, 1])
def test_every_arm_trains_the_same_tokens_in_whole_sequences(planned, tokens):
    plan, _ = planned(tokens=tokens)
    assert {arm.name for arm in plan.arms} >= {"winner", "default"}
    assert tokens == 1 or any(len(arm.parts) > 1 for arm in plan.arms)
    for arm in plan.arms:
        legs = plan.legs(arm)
        assert sum(leg.tokens for leg in legs) == plan.tokens
        assert all(0 < leg.tokens <= plan.interval_tokens for leg in legs)
        assert all(leg.tokens % 32 == 0 for leg in legs)
    assert plan.tokens == max(32, round((tokens or 8192) / 32) * 32)
    assert plan.horizon_tokens == plan.tokens  # the search's winner trained the whole horizon
    assert plan.share == plan.tokens / 8192


def test_at_full_length_the_schedule_is_the_lineage_interval_by_interval(planned, search):
    story, point, _ = search
    plan, _ = planned()
    schedule = next(arm for arm in plan.arms if arm.name == "schedule")
    led = [p.stretch for p in passages(story, *point)]
    assert len(led) > 1
    expected = [(stretch.genome, 1024) for stretch in led for _ in range(stretch.intervals)]
    assert [(leg.genome, leg.tokens) for leg in plan.legs(schedule)] == expected
    static = next(arm for arm in plan.arms if arm.name == "winner")
    assert {leg.genome for leg in plan.legs(static)} == {led[-1].genome}


def test_the_arms_are_those_of_the_search(planned, search):
    story, _, made = search
    plan, _ = planned()
    genomes = {arm.name: arm.genome for arm in plan.arms}
    assert genomes["winner"].digest == story.finished.digest
    size = count_parameters(genomes["winner"].architecture)
    assert genomes["default"] == default_of_size(made.space, size, horizon_tokens=8192)
    first = {s.member: s.fitness for (_, g), s in story.scores.items() if g == 0}
    best = max(first, key=first.get)
    assert genomes["first"].digest == story.orders[best, 0].digest


def test_an_arm_that_is_another_one_is_left_out_with_a_note(planned, search):
    story, point, _ = search
    digest = story.orders[point].digest
    for at, order in story.orders.items():  # a search in which nothing ever changed
        story.orders[at] = replace(order, genome=story.orders[point].genome, digest=digest)
    plan, notes = planned()
    assert [arm.name for arm in plan.arms] == ["winner", "default"]
    assert notes == (
        "The winner's replayed schedule is left out: it is the winner's genome.",
        "The best genome of the first generation is left out: it is the winner's genome.",
    )


def test_a_first_generation_that_failed_has_no_best(search, planned):
    story, _, _ = search
    for at, score in story.scores.items():
        if at[1] == 0:
            story.scores[at] = replace(score, fitness=None)
    assert best_of_first_generation(story) is None
    plan, notes = planned()
    assert "first" not in {arm.name for arm in plan.arms}
    assert "all its members failed" in notes[0]


def test_arms_of_a_replicate_share_their_seeds_and_replicates_do_not(planned):
    plan, _ = planned(replicates=4)
    by_replicate = [
        {plan.data_seed(plan.member(replicate=r, arm=a)) for a in range(len(plan.arms))}
        for r in range(4)
    ]
    assert all(len(seeds) == 1 for seeds in by_replicate)
    assert len(set.union(*by_replicate)) == 4
    weights = {
        (plan.replicate_of(m), part): plan.weight_seed(m, part)
        for m in range(plan.members)
        for part in (0, 1)
    }
    assert len(set(weights.values())) == len(weights) == 8
    assert plan.seed not in set.union(*by_replicate)
    more, _ = planned(replicates=9)
    assert more.data_seed(0) == plan.data_seed(0)  # more seeds begin with the same ones


def test_a_plan_survives_its_log(planned):
    plan, _ = planned(tokens=2080)
    assert plan_from_json(json.loads(json.dumps(plan.to_json()))) == plan


@pytest.mark.parametrize("wrong", ["0", "-1", "2000", "101%", "fast", "", "1e-9", "nan"])
def test_tokens_that_are_no_share_are_refused(wrong):
    with pytest.raises(UserError, match="a share of the winner's 1000 tokens"):
        tokens_of(wrong, whole=1000)


def test_one_is_the_whole():
    assert [tokens_of(w, whole=1000) for w in ("1", "100%", "1k", "1000")] == [1000] * 4
