"""Laws of the census: it knows what counting everybody anew would give, and counts one at a time."""

from statistics import median

import pytest

from orchestrator.census import MOST_VIEWS, Census
from orchestrator.event_log import LOG_NAME
from orchestrator.population import Outcome
from orchestrator.search_state import SearchState


def gain(candidate):
    """Return the fitness after an interval less the one before it, by what selection sees."""
    if candidate.failed:
        return None
    now, *before = [fitness for _, fitness in candidate.curve[-2:]][::-1]
    return now - (before[0] if before else 0.0)


@pytest.mark.parametrize("mode", ["synchronous", "asynchronous"])
@pytest.mark.parametrize("order", [None, 3])
def test_it_knows_what_counting_everybody_would_give(
    tmp_path, simulation, rules, monkeypatch, mode, order
):
    checked = 0
    enter = Census.enter

    def checking(self, record):
        nonlocal checked
        enter(self, record)
        outcomes = [r.outcome for r in self.records]
        living = [o for o in outcomes if o is not None and not o.failed]
        assert self.reached == min(-1 if o is None else o.key.generation for o in outcomes)
        assert self.running == sum(r.running is not None for r in self.records)
        for at in (None, *{o.life.ledger.tokens for o in living}):
            view = self.seen(at)
            then = [o.candidate(at=at) for o in outcomes if o is not None]
            gains = [found for c in then if (found := gain(c)) is not None]
            assert view.candidates == tuple(then)
            assert view.median_gain == (median(gains) if gains else 0.0)
        assert [r.member for r in self.records] == list(range(len(self)))
        checked += 1

    monkeypatch.setattr(Census, "enter", checking)
    made = rules(members=5, generations=5, mode=mode)
    fails = lambda task: (task.member + 2 * task.generation) % 7 == 0  # noqa: E731
    simulation(tmp_path / LOG_NAME, made, order=order, fails=fails).run()
    assert checked >= 2 * 5 * 5


def test_a_member_that_is_not_there_has_no_record():
    assert Census().get(0) is None
    assert Census().get(-1) is None
    assert Census().seen(None).median_gain == 0.0
    assert Census().seen(7).candidates == ()
    assert Census().reached == -1


def test_who_has_not_changed_is_the_same_object(tmp_path, simulation, rules, monkeypatch):
    """What is remembered of a population in selection goes by it."""
    kept = 0
    enter = Census.enter

    def checking(self, record):
        nonlocal kept
        views = {key: view.candidates for key, view in self._views.items()}
        enter(self, record)
        for key, before in views.items():
            now = self._views[key].candidates
            others = [c for c in before if c.member != record.member]
            assert all(any(c is o for c in now) for o in others)
            kept += len(others)

    monkeypatch.setattr(Census, "enter", checking)
    simulation(tmp_path / LOG_NAME, rules(members=5, mode="asynchronous"), order=3).run()
    assert kept


def test_a_report_of_an_asynchronous_search_looks_at_one_member(
    tmp_path, simulation, rules, monkeypatch
):
    """What is worked out for a report is of the member that reports, however many others train."""
    looked = 0
    candidate, wanted = Outcome.candidate, SearchState.wanted_makers

    def seen(self, *, at=None, price=None):
        nonlocal looked
        looked += 1
        return candidate(self, at=at, price=price)

    def forgetting(self):
        nonlocal looked
        looked += len(self.census)
        return wanted(self)

    monkeypatch.setattr(Outcome, "candidate", seen)
    monkeypatch.setattr(SearchState, "wanted_makers", forgetting)
    per_report = {}
    for members in (4, 16):
        looked = 0
        made = rules(members=members, generations=8, mode="asynchronous", baseline=False)
        simulation(tmp_path / f"{members}.jsonl", made, order=1).run()
        per_report[members] = looked / (members * 8)
    assert (
        1 <= per_report[4] <= MOST_VIEWS + 2
    )  # a look for each view, one to make each, the makers
    assert 1 <= per_report[16] <= MOST_VIEWS + 2
