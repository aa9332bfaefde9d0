"""The bootstrap holds its level and is symmetric; only what was assessed alike is paired."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from orchestrator.comparing import significance
from orchestrator.comparing.significance import paired_bootstrap, winner_pairs
from orchestrator.events import SearchFinished, SearchStarted


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(significance, "RESAMPLES", 499)


def test_under_no_difference_the_interval_holds_zero_as_often_as_it_says(quick):
    rng = np.random.default_rng(1)
    drawn = [paired_bootstrap(rng.normal(0, 1, 12)) for _ in range(300)]
    inside = sum(b.low <= 0 <= b.high for b in drawn)
    # 285 expected; beyond these bounds by chance with probability 1e-6
    low, high = stats.binom.interval(1 - 1e-6, 300, 0.95)
    assert low <= inside <= high


def test_interval_and_p_value_never_contradict_each_other(quick):
    rng = np.random.default_rng(2)
    for shift in np.linspace(0, 1.5, 40):
        b = paired_bootstrap(rng.normal(shift, 1, 10))
        assert (b.p_value <= 0.05) == (not b.low <= 0 <= b.high)


def test_for_many_normal_differences_it_is_students_test():
    differences = np.random.default_rng(3).normal(0.15, 1, 200)
    b = paired_bootstrap(differences)
    t = stats.ttest_1samp(differences, 0.0)
    low, high = t.confidence_interval()
    assert b.p_value == pytest.approx(t.pvalue, abs=0.02)
    assert (b.low, b.high) == pytest.approx((low, high), abs=0.01)


def test_exchanging_the_two_changes_the_sign_only():
    differences = np.random.default_rng(4).normal(0.3, 1, 16)
    there, back = paired_bootstrap(differences), paired_bootstrap(-differences)
    assert (back.mean, back.low, back.high) == (-there.mean, -there.high, -there.low)
    assert back.p_value == there.p_value


def test_a_unit_of_loss_changes_no_p_value():
    differences = np.random.default_rng(5).normal(0.3, 1, 16)
    assert paired_bootstrap(1000 * differences).p_value == paired_bootstrap(differences).p_value


def test_equal_models_do_not_differ_and_constant_differences_are_certain():
    equal, certain = paired_bootstrap(np.zeros(8)), paired_bootstrap(np.full(8, -0.25))
    assert (equal.low, equal.high, equal.p_value) == (0, 0, 1)
    assert (certain.low, certain.high) == (-0.25, -0.25)
    assert certain.p_value == 1 / 10_000


def test_few_batches_give_a_difference_without_a_verdict():
    few = paired_bootstrap(np.array([0.1, 0.2, 0.4]))
    assert few.mean == pytest.approx(0.7 / 3)
    assert few.standard_error == pytest.approx(np.std([0.1, 0.2, 0.4], ddof=1) / math.sqrt(3))
    assert (few.low, few.p_value) == (None, None)
    with pytest.raises(ValueError, match="at least 1 batch"):
        paired_bootstrap(np.array([]))


def test_a_better_winner_is_found_in_both_units(subject):
    pairs, unpaired = winner_pairs([subject("a"), subject("b", seed=1, shift=0.1)])
    assert unpaired == ()
    (pair,) = pairs
    assert pair.nats_per_token == pytest.approx(-0.1, abs=0.02)
    assert pair.bits_per_byte == pytest.approx(2 * pair.nats_per_token)
    assert pair.low < pair.bits_per_byte < pair.high < 0
    assert pair.is_clear
    assert pair.p_adjusted == pair.p_value


def test_pairing_takes_out_what_makes_batches_hard(subject):
    """Unpaired, the batches' own spread of 0.3 nats would hide a difference of 0.1."""
    a, b = subject("a"), subject("b", seed=1, shift=0.1)
    (pair,), _ = winner_pairs([a, b])
    losses = [s.story.assessed["winner"].losses for s in (a, b)]
    assert pair.is_clear
    assert stats.ttest_ind(*losses).pvalue > 0.05


def test_of_several_pairs_p_values_are_holms(subject):
    pairs, _ = winner_pairs([subject(str(i), seed=i, shift=0.004 * i) for i in range(4)])
    assert len(pairs) == 6
    ordered = sorted(pairs, key=lambda pair: pair.p_value)
    expected, running = [], 0.0
    for rank, pair in enumerate(ordered):
        running = max(running, min(1.0, (6 - rank) * pair.p_value))
        expected.append(running)
    assert [pair.p_adjusted for pair in ordered] == pytest.approx(expected)


def test_the_first_batches_are_the_same_however_many_there_are(subject):
    (pair,), _ = winner_pairs([subject("a", heldout=24), subject("b", heldout=16)])
    assert pair.batches == 16


def changed(events, change):
    first = next(e for e in events if isinstance(e, SearchStarted))
    return tuple(change(e) if e is first else e for e in events)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda e: replace(e, corpus={"digest": "beef"}),
            "corpora's digests differ (c0ffee and beef)",
        ),
        (
            lambda e: replace(e, run={**e.run, "corpus": {"context_length": 64}}),
            "context lengths differ (32 and 64)",
        ),
        (
            lambda e: replace(
                e, run={**e.run, "training": {"evaluation_sequences": 8, "evaluation_batches": 2}}
            ),
            "sequences in a batch differ (4 and 8)",
        ),
    ],
)
def test_winners_on_other_batches_are_not_paired_and_why_is_said(subject, search, change, reason):
    pairs, unpaired = winner_pairs([subject("a"), subject("b", events=changed(search(), change))])
    assert pairs == ()
    assert reason in unpaired[0].reason


def test_a_search_that_has_not_finished_has_nothing_to_pair(subject, search):
    running = subject("b", events=search()[:-2])
    _, (why,) = winner_pairs([subject("a"), running])
    assert why.reason.startswith("b has not finished")
    lost = list(search()[:-2])
    lost.append(SearchFinished(reason="all_failed", winner=None, generation=None, digest=None))
    _, (why,) = winner_pairs([subject("a"), subject("b", events=lost)])
    assert why.reason.startswith("b has no winner")
