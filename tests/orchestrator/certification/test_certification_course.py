"""Laws of a certification: its results follow from its plan, whoever is quick, whatever dies."""

import itertools

import pytest

from orchestrator.certification import certificate_of
from orchestrator.certification.record import to_json
from orchestrator.event_log import read_log
from orchestrator.events import Ordered, Reported
from orchestrator.tasks import Train


def test_every_training_is_from_scratch_and_ends_at_its_tokens(
    tmp_path, planned, rehearsal, formula
):
    plan, _ = planned()
    made = rehearsal(tmp_path / "log", plan, answer=formula())
    tally = made.run()
    assert tally.finished
    assert tally.ended == plan.members == len(tally.assessed)
    assert tally.tokens == tally.total_tokens == plan.members * 8192
    assert {r.ledger.inherited_tokens for r in tally.reports.values()} == {0}
    trained = [task for task in made.tasks if isinstance(task, Train)]
    starts = [task for task in trained if task.source is None]
    assert sorted(task.member for task in starts) == list(range(plan.members))
    for task in trained:
        assert task.data_seed == plan.data_seed(task.member)
        assert task.source is None or task.source.member == task.member
    turned = [
        event
        for event in read_log(tmp_path / "log")[0]
        if isinstance(event, Ordered) and event.decision == "replace"
    ]
    schedule = [arm.name for arm in plan.arms].index("schedule")
    assert {event.member % len(plan.arms) for event in turned} == {schedule}
    assert len(turned) == plan.replicates * (len(plan.arms[schedule].parts) - 1)
    assert made.course.needed_states() == frozenset()


def test_the_certificate_does_not_depend_on_who_is_quick(tmp_path, planned, rehearsal, formula):
    plan, _ = planned()
    said = [
        to_json(
            certificate_of(
                rehearsal(tmp_path / f"{order}", plan, answer=formula(), order=order).run()
            )
        )
        for order in (None, 1, 2)
    ]
    assert said[0] == said[1] == said[2]


def test_going_on_after_any_answer_gives_the_same_certificate(
    tmp_path, planned, rehearsal, formula
):
    plan, _ = planned(replicates=2, tokens=3072)
    answers = sum(len(plan.legs(arm)) + 1 for arm in plan.arms) * 2
    whole = to_json(certificate_of(rehearsal(tmp_path / "w", plan, answer=formula()).run()))
    for cut in range(0, answers + 1, 3):
        path = tmp_path / f"{cut}"
        rehearsal(path, plan, answer=formula(), order=cut).run(stop_after=cut)
        before = path.read_bytes()
        again = rehearsal(path, plan, answer=formula(), order=cut + 100)
        assert to_json(certificate_of(again.run())) == whole
        assert len(again.tasks) == answers - cut
        assert path.read_bytes().startswith(before)


def test_a_lost_interval_can_be_made_again(tmp_path, planned, rehearsal, formula):
    plan, _ = planned(replicates=2)
    made = rehearsal(tmp_path / "log", plan, answer=formula())
    made.run(stop_after=20)
    needed = made.course.needed_states()
    last = {task.key.member: task for task in made.tasks}
    for task in (t for t in last.values() if isinstance(t, Train) and t.source is not None):
        assert task.key in needed
        assert task.source in needed  # from which it is trained again
        assert task.before.key == task.source
        assert task.before.before is None


def test_a_training_that_fails_ends_and_the_others_go_on(tmp_path, planned, rehearsal, formula):
    plan, _ = planned()

    def fails(task):
        return (task.member, task.generation) == (1, 2)

    made = rehearsal(tmp_path / "log", plan, answer=formula(fails=fails))
    tally = made.run()
    assert tally.finished
    assert tally.failures == {1: "a loss that is not finite"}
    assert tally.ended == plan.members
    assert sorted(tally.assessed) == [m for m in range(plan.members) if m != 1]
    assert max(t.generation for t in made.tasks if isinstance(t, Train) and t.member == 1) == 2
    certificate = certificate_of(tally)
    arm = next(arm for arm in certificate.arms if arm.name == plan.arms[1].name)
    assert arm.failures == ("a loss that is not finite", None, None)
    assert [value is None for value in arm.bits_per_byte] == [True, False, False]


def test_reports_from_the_dead_change_nothing(tmp_path, planned, rehearsal, formula):
    plan, _ = planned(replicates=2)
    made = rehearsal(tmp_path / "log", plan, answer=formula())
    made.run()
    content = (tmp_path / "log").read_bytes()
    report = next(e for e in read_log(tmp_path / "log")[0] if isinstance(e, Reported))
    assert made.course.receive(report) == ()
    assert (tmp_path / "log").read_bytes() == content


def test_an_unfinished_certification_has_no_certificate(tmp_path, planned, rehearsal, formula):
    plan, _ = planned()
    tally = rehearsal(tmp_path / "log", plan, answer=formula()).run(stop_after=9)
    with pytest.raises(ValueError, match="some are open"):
        certificate_of(tally)


def test_pairs_share_what_is_random(tmp_path, planned, rehearsal, formula):
    """Arms without a gain differ by nothing: the formula's noise is of the shared seeds alone."""
    plan, _ = planned()
    certificate = certificate_of(rehearsal(tmp_path / "log", plan, answer=formula()).run())
    static = [arm for arm in certificate.arms if arm.name != "schedule"]
    for a, b in itertools.pairwise(static):
        assert a.bits_per_byte == b.bits_per_byte
    assert len(set(static[0].bits_per_byte)) == plan.replicates
