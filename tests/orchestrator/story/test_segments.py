from orchestrator.story.segments import SegmentKey, segments
from orchestrator.story.telling import Story, told


def test_an_exploit_ends_a_segment_and_begins_one_that_names_its_donor(tale):
    by_key = {segment.key: segment for segment in segments(told(tale))}
    child = by_key[SegmentKey(1, 1)]
    assert (child.decision, child.proposer) == ("replace", "optuna")
    assert child.donor == SegmentKey(0, 0)
    assert (child.first_generation, child.last_generation, child.is_last) == (1, 2, True)
    assert not by_key[SegmentKey(1, 0)].is_last
    assert child.tokens_before == by_key[SegmentKey(0, 0)].reports[0].ledger.tokens


def test_every_order_is_in_exactly_one_segment_with_its_genome(tale):
    story = told(tale)
    placed = [
        (segment.key.member, generation)
        for segment in segments(story)
        for generation in range(segment.first_generation, segment.last_generation + 1)
    ]
    assert sorted(placed) == sorted(story.orders)
    for segment in segments(story):
        assert {report.digest for report in segment.reports} <= {segment.digest}


def test_the_baseline_is_one_segment_without_scores(tale):
    (baseline,) = [s for s in segments(told(tale)) if s.decision == "baseline"]
    assert baseline.scores == ()
    assert [r.digest for r in baseline.reports] == [baseline.digest]


def test_no_events_no_segments():
    assert segments(Story()) == ()
