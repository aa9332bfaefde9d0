"""What each policy does that the others do not."""

import math

import numpy as np
import pytest
from scipy import stats

from orchestrator.randomness import generator
from orchestrator.selection import (
    BinaryTournament,
    Candidate,
    ImprovementRate,
    Independent,
    Keep,
    MultiFrequency,
    ReplaceBy,
    SignificantTruncation,
    Truncation,
)
from orchestrator.selection.equal_tokens import advantage, ranking
from orchestrator.selection.improvement import race, rates
from orchestrator.selection.settling import settle
from orchestrator.selection.significance import p_value


def member(number, fitness, *, losses=None, generation=1, curve=None, failed=False):
    return Candidate(
        member=number,
        fitness=fitness,
        batch_losses=losses or (-fitness, -fitness),
        generation=generation,
        tokens=curve[-1][0] if curve else 100 * generation,
        curve=curve or ((100 * generation, fitness),),
        failed=failed,
    )


def decide(policy, candidates, seed=0, due=None):
    due = frozenset(c.member for c in candidates) if due is None else due
    return policy.select(tuple(candidates), due=due, generation=1, rng=generator(seed, "s", 1, -1))


def test_independent_members_are_replaced_only_when_they_have_failed():
    population = [member(m, -float(m), failed=m == 3) for m in range(8)]
    answer = decide(Independent(), population)
    assert {m for m, d in answer.items() if d != Keep()} == {3}


def test_truncation_replaces_the_worst_fraction_by_the_best():
    population = [member(m, -float(m)) for m in range(10)]
    seen = set()
    for seed in range(30):
        answer = decide(Truncation(fraction=0.2), population, seed)
        assert {m for m, d in answer.items() if d != Keep()} == {8, 9}
        seen |= {(m, answer[m].donor) for m in (8, 9)}
    assert seen == {(8, 0), (8, 1), (9, 0), (9, 1)}


def test_tournament_replaces_a_member_as_often_as_it_meets_a_fitter_one():
    population = [member(m, -float(m)) for m in range(5)]
    rounds = 400
    counts = np.zeros(5)
    for seed in range(rounds):
        answer = decide(BinaryTournament(), population, seed)
        counts += [answer[m] != Keep() for m in range(5)]
    assert counts[0] == 0
    assert np.allclose(counts / rounds, np.arange(5) / 4, atol=0.08)


def test_significance_is_the_paired_t_test():
    rng = np.random.default_rng(3)
    base = 3 + rng.normal(size=12)  # what the batches have in common dwarfs the members' difference
    donor, other = base, base + 0.02 + 0.02 * rng.normal(size=12)
    ours = p_value(float((other - donor).mean()), donor_losses=tuple(donor), losses=tuple(other))
    assert math.isclose(ours, stats.ttest_rel(other, donor, alternative="greater").pvalue)
    assert ours < 0.05 < stats.ttest_ind(other, donor, alternative="greater").pvalue


@pytest.mark.parametrize(("gap", "is_copied"), [(0.1, True), (0.001, False)])
def test_significance_copies_only_beyond_noise(gap, is_copied):
    noise = np.array([0.01, -0.01, 0.02, -0.02, 0.0])
    population = [
        member(0, -1.0, losses=tuple(1 + noise)),
        member(1, -1.0 - gap, losses=tuple(1 + gap - noise)),
    ]
    expected = ReplaceBy(0) if is_copied else Keep()
    assert decide(SignificantTruncation(fraction=0.5), population)[1] == expected


def test_significance_level_is_the_rate_of_false_copies():
    rng = np.random.default_rng(0)
    policy = SignificantTruncation(fraction=0.5, level=0.1)
    copies = 0
    for seed in range(400):
        losses = rng.normal(3, 1, size=8) + rng.normal(0, 0.1, size=(2, 8))
        population = [member(m, -losses[m].mean(), losses=tuple(losses[m])) for m in range(2)]
        copies += any(d != Keep() for d in decide(policy, population, seed).values())
    assert abs(copies / 400 - 2 * 0.1) < 0.05  # the better of the two is the donor: both tails


def test_significance_needs_the_same_batches():
    population = [member(0, -1.0, losses=(1.0, 1.0)), member(1, -2.0, losses=(2.0,))]
    with pytest.raises(ValueError, match="same two or more evaluation batches"):
        decide(SignificantTruncation(fraction=0.5), population)


def test_multi_frequency_quarters_and_asymmetric_migration():
    policy = MultiFrequency(periods=(1, 4))
    # 0..3 live at period 1, 4..7 at period 4; numbers 2 and 6 are the third quarters
    fitness = [-4.0, -4.1, -6.0, -7.0, -1.0, -1.1, -8.0, -9.0]
    early = decide(policy, [member(m, f, generation=3) for m, f in enumerate(fitness)])
    assert early[3] == ReplaceBy(0)
    assert early[2] == ReplaceBy(4, explore=False)  # patient members give weights and protocol
    assert all(early[m] == Keep() for m in (0, 1, 4, 5, 6, 7))  # not their turn
    late = decide(policy, [member(m, f, generation=4) for m, f in enumerate(fitness)])
    assert late[7] == ReplaceBy(4)
    assert late[6] == ReplaceBy(0, protocol_of=4, explore=False)  # the greedy give weights only
    worse_abroad = [-4.0, -4.1, -4.2, -7.0, -5.0, -5.1, -5.2, -9.0]
    closed = decide(policy, [member(m, f, generation=3) for m, f in enumerate(worse_abroad)])
    assert closed[2] == Keep()


def curve(start, step, points, *, first=100):
    return tuple((first + 100 * i, start + step * i) for i in range(points))


def test_a_race_starts_at_equal_fitness_and_runs_over_equal_tokens():
    slow, fast = curve(-5.0, 0.1, 31), curve(-4.0, 0.2, 5, first=2000)
    result = race(fast, slow)  # slow is at -4 after 10 intervals, then makes 0.1 to fast's 0.2
    assert math.isclose(result.lead, 4 * 0.2 - 4 * 0.1)
    assert (result.wins, result.points) == (4, 4)
    assert math.isclose(result.p_value, 2.0**-4)
    assert math.isclose(race(slow, fast).lead, -result.lead)


def test_curves_that_do_not_overlap():
    low, high = curve(-9.0, 0.1, 5), curve(-2.0, 0.3, 5)
    assert math.isclose(race(high, low).lead, 4 * 0.3 - 4 * 0.1)  # shifted down to the same start
    assert race(low, high).lead == 0
    assert race(curve(-2.0, 0.05, 5), low).lead == 0
    assert race(low, low[:1]).points == 0
    assert np.all(np.diff(rates((low, curve(-9.0, 0.2, 5), curve(-9.0, 0.3, 5)))) > 0)


def fire_population(evaluator_steps, *, generation=8):
    """0..3 greedy, 4..5 parents, 6..7 evaluators."""
    greedy = [
        member(m, -3.0 - 0.1 * m, generation=generation, curve=curve(-4.0 - 0.1 * m, 0.1, 11))
        for m in range(4)
    ]
    parents = [
        member(m, -3.6, generation=generation, curve=curve(-3.7, 0.1, 2, first=700)) for m in (4, 5)
    ]
    evaluators = [
        member(m, -3.6 + 4 * step, generation=generation, curve=curve(-3.6, step, 5, first=700))
        for m, step in zip((6, 7), evaluator_steps, strict=True)
    ]
    return [*greedy, *parents, *evaluators]


def test_improvement_rate_hands_fast_weights_to_the_best_greedy_member():
    answer = decide(ImprovementRate(), fire_population((0.2, 0.05)))
    assert answer[0] == ReplaceBy(
        6, protocol_of=0, explore=False
    )  # improves faster than member 0 did
    assert answer[5] == ReplaceBy(4)  # its evaluator is the slower
    assert answer[6] == Keep()  # its weights are being taken
    assert answer[7] == ReplaceBy(4, protocol_of=0, explore=False)  # afresh, from what 5 becomes
    assert answer[3] == ReplaceBy(6)  # truncation on fitness; member 0 hands over to its donor


def test_improvement_rate_leaves_parents_and_evaluators_alone_within_an_evaluation():
    answer = decide(ImprovementRate(), fire_population((0.05, 0.04), generation=7))
    assert all(answer[m] == Keep() for m in (0, 1, 2, 4, 5, 6, 7))
    assert answer[3] == ReplaceBy(0)


def test_equal_tokens_are_read_off_the_past_curve():
    ahead = member(0, -1.0, curve=((100, -4.0), (10_000, -2.0), (100_000, -1.0)))
    behind = member(1, -2.5, curve=((100, -4.0), (1_000, -2.5)))
    gap = advantage(ahead, behind)
    assert math.isclose(gap, -3.0 - -2.5)  # halfway, in log tokens, between -4 and -2
    assert advantage(behind, ahead) == -gap
    assert ranking((ahead, behind)) == (1, 0)
    late = member(2, -1.0, curve=((50_000, -1.0),))
    assert advantage(late, behind) == 0  # it has no past at so few tokens


def test_settling_follows_chains_and_opens_circles():
    population = tuple(member(m, -float(m)) for m in range(4))
    everybody = frozenset(range(4))
    rng = generator(0, "s", 1, -1)
    chain = settle({3: ReplaceBy(2), 2: ReplaceBy(1)}, population, due=everybody, rng=rng)
    assert chain == {0: Keep(), 1: Keep(), 2: ReplaceBy(1), 3: ReplaceBy(1)}
    circle = settle(
        {1: ReplaceBy(2), 2: ReplaceBy(3), 3: ReplaceBy(1)}, population, due=everybody, rng=rng
    )
    assert circle == {0: Keep(), 1: Keep(), 2: ReplaceBy(1), 3: ReplaceBy(1)}
