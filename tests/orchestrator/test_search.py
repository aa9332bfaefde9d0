"""Laws of the course of a search: its log is a function of its rules and nothing else."""

import pytest

from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME
from orchestrator.events import (
    Assessed,
    GenerationClosed,
    Ordered,
    Reported,
    Scored,
    SearchFinished,
)
from orchestrator.search import Search


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def population_orders(events, members):
    return [e for e in of(Ordered, events) if e.member < members]


def test_it_runs_to_its_budget_and_gives_a_verdict(tmp_path, simulation, rules):
    events = simulation(tmp_path / LOG_NAME, rules(members=6, generations=5)).run()
    assert len(of(GenerationClosed, events)) == 5
    closed = of(GenerationClosed, events)[-1]
    assert closed.tokens == 6 * 5 * 1024
    finished = events[-1]
    assert isinstance(finished, SearchFinished)
    assert finished.reason == "budget"
    assert finished.winner == closed.best_member
    assert [e.role for e in of(Assessed, events)] == ["winner", "baseline"]
    baseline = [e for e in of(Reported, events) if e.member == 6]
    assert baseline[-1].ledger.tokens == 5 * 1024
    assert baseline[-1].ledger.inherited_tokens == 0


def test_the_log_does_not_depend_on_who_is_quick(tmp_path, simulation, rules):
    logs = []
    for order in (None, 1, 2):
        path = tmp_path / f"{order}.jsonl"
        simulation(path, rules(), order=order).run()
        logs.append(path.read_bytes())
    assert logs[0] == logs[1] == logs[2]


def test_resuming_after_any_report_gives_the_same_log(tmp_path, simulation, rules):
    whole = tmp_path / "whole.jsonl"
    events = simulation(whole, rules(members=4, generations=3)).run()
    reports = len(of(Reported, events)) + len(of(Assessed, events))
    for cut in range(reports):
        path = tmp_path / f"{cut}.jsonl"
        simulation(path, rules(members=4, generations=3), order=cut).run(stop_after=cut)
        resumed = simulation(path, rules(members=4, generations=3), order=cut + 100)
        resumed.run()
        assert path.read_bytes() == whole.read_bytes()
        assert resumed.departures == 0
        assert resumed.told == events


def test_resuming_from_any_torn_log_gives_the_same_log(tmp_path, simulation, rules):
    whole = tmp_path / "whole.jsonl"
    simulation(whole, rules(members=3, generations=3)).run()
    content = whole.read_bytes()
    for cut in range(0, len(content), 997):
        path = tmp_path / "torn.jsonl"
        path.write_bytes(content[:cut])
        simulation(path, rules(members=3, generations=3)).run()
        assert path.read_bytes() == content


def test_a_changed_seed_does_not_fit_the_log(tmp_path, simulation, rules):
    path = tmp_path / LOG_NAME
    simulation(path, rules(members=4, generations=3)).run(stop_after=8)
    with pytest.raises(UserError, match="a log follows from its run file"):
        simulation(path, rules(members=5, generations=3)).run()


def test_the_log_wins_over_a_library_that_decides_otherwise(tmp_path, simulation, rules):
    path = tmp_path / LOG_NAME
    simulation(path, rules(members=4, generations=3)).run(stop_after=6)
    before = path.read_bytes()
    other = simulation(path, rules(members=4, generations=3, seed=8))
    events = other.run()
    assert other.departures > 0
    assert path.read_bytes().startswith(before)
    assert isinstance(events[-1], SearchFinished)


def test_every_token_is_charged_along_the_lineage(tmp_path, simulation, rules):
    events = simulation(tmp_path / LOG_NAME, rules()).run()
    reports = {(e.member, e.generation): e for e in of(Reported, events)}
    for order in of(Ordered, events):
        report = reports[order.member, order.generation]
        source = None if order.source is None else reports[order.source].ledger
        before = 0 if source is None else source.tokens
        assert report.ledger.tokens == before + order.tokens
        if order.decision == "replace":
            assert report.ledger.inherited_tokens == source.tokens
            assert report.ledger.inherited_flops == source.flops
            assert order.source == (order.donor, order.generation - 1)


def test_only_free_genes_change(tmp_path, simulation, rules):
    made = rules(generations=8, architecture_free_until=0.5, protocol_free_from=0.25)
    events = simulation(tmp_path / LOG_NAME, made).run()
    genomes = {(e.member, e.generation): e.genome for e in of(Ordered, events)}
    replaced = [e for e in population_orders(events, 6) if e.decision == "replace"]
    changed = {"architecture": set(), "protocol": set()}
    for order in replaced:
        donor = genomes[order.source]
        for half, generations in changed.items():
            if order.genome[half] != donor[half]:
                generations.add(order.generation)
    assert max(changed["architecture"]) <= 4
    assert min(changed["protocol"]) >= 2
    assert changed["architecture"]
    assert changed["protocol"]


def test_a_failed_member_is_replaced_and_the_population_never_shrinks(tmp_path, simulation, rules):
    def fails(task):
        return task.member == 2 and task.generation == 1

    events = simulation(tmp_path / LOG_NAME, rules(), fails=fails).run()
    orders = population_orders(events, 6)
    for generation in range(5):
        assert sorted(o.member for o in orders if o.generation == generation) == list(range(6))
    (after,) = [o for o in orders if (o.member, o.generation) == (2, 2)]
    assert after.decision == "replace"
    assert after.donor != 2
    (score,) = [s for s in of(Scored, events) if (s.member, s.generation) == (2, 1)]
    assert score.fitness is None


def test_when_nobody_survives_everybody_starts_again(tmp_path, simulation, rules):
    events = simulation(
        tmp_path / LOG_NAME, rules(generations=3), fails=lambda task: task.generation == 0
    ).run()
    second = [o for o in population_orders(events, 6) if o.generation == 1]
    assert {o.decision for o in second} == {"restart"}
    assert all(o.source is None for o in second)
    assert of(SearchFinished, events)[0].reason == "budget"


def test_a_search_in_which_all_fail_says_so(tmp_path, simulation, rules):
    events = simulation(tmp_path / LOG_NAME, rules(), fails=lambda task: True).run()
    assert events[-1].reason == "all_failed"
    assert events[-1].winner is None


def test_a_baseline_that_fails_leaves_the_winner_assessed(tmp_path, simulation, rules):
    events = simulation(
        tmp_path / LOG_NAME, rules(), fails=lambda task: task.member == 6 and task.generation == 2
    ).run()
    assert [e.role for e in of(Assessed, events)] == ["winner"]
    assert isinstance(events[-1], SearchFinished)


def test_stops(tmp_path, simulation, rules):
    reached = simulation(tmp_path / "a", rules(target_loss=2.0, generations=30)).run()
    assert reached[-1].reason == "target_loss"
    assert of(GenerationClosed, reached)[-1].best_loss <= 2.0
    assert all(c.best_loss > 2.0 for c in of(GenerationClosed, reached)[:-1])
    flops = of(GenerationClosed, reached)[0].flops
    spent = simulation(tmp_path / "b", rules(budget_flops=flops * 1.5, generations=30)).run()
    assert spent[-1].reason == "budget"
    assert len(of(GenerationClosed, spent)) == 2


def test_stagnation_counts_from_the_best_generation(tmp_path, simulation, rules):
    def fails(task):
        return task.generation >= 2 and task.member != 0

    made = rules(stagnation_generations=1, generations=30, target_loss=None)
    events = simulation(tmp_path / "c", made, fails=fails).run()
    closed = of(GenerationClosed, events)
    fitness = [c.best_fitness for c in closed]
    assert events[-1].reason in {"stagnation", "budget"}
    if events[-1].reason == "stagnation":
        assert fitness[-1] <= max(fitness[:-1])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_asynchronous_searches_finish_and_resume(tmp_path, simulation, rules, order):
    made = rules(mode="asynchronous", members=5, generations=4)
    path = tmp_path / LOG_NAME
    simulation(path, made, order=order).run(stop_after=9)
    before = path.read_bytes()
    events = simulation(path, rules(mode="asynchronous", members=5, generations=4)).run()
    assert path.read_bytes().startswith(before)
    reports = {(e.member, e.generation) for e in of(Reported, events) if e.member < 5}
    assert reports == {(m, g) for m in range(5) for g in range(4)}
    assert [c.generation for c in of(GenerationClosed, events)] == [0, 1, 2, 3]
    assert isinstance(events[-1], SearchFinished)
    seen = set()
    for event in events:
        if isinstance(event, Reported):
            seen.add((event.member, event.generation))
        if isinstance(event, Ordered) and event.source is not None:
            assert event.source in seen


def test_reports_from_the_dead_change_nothing(tmp_path, simulation, rules):
    first = simulation(tmp_path / "a", rules(members=3, generations=2))
    first.run()
    content = (tmp_path / "a").read_bytes()
    report = next(e for e in of(Reported, first.told) if e.generation == 0)
    assert first.search.receive(report) == ()
    assert (tmp_path / "a").read_bytes() == content


@pytest.mark.parametrize("mode", ["synchronous", "asynchronous"])
def test_answers_that_come_again_change_nothing(tmp_path, simulation, rules, monkeypatch, mode):
    made = rules(members=4, generations=4, mode=mode)
    undisturbed = simulation(tmp_path / "a", made).run()
    receive, given = Search.receive, []

    def echoed(self, report):
        tasks = receive(self, report)
        given.append(report)
        if not self.finished:
            assert [receive(self, old) for old in given] == [()] * len(given)
        return tasks

    monkeypatch.setattr(Search, "receive", echoed)
    events = simulation(tmp_path / "b", rules(members=4, generations=4, mode=mode)).run()
    assert events == undisturbed
    assert len(given) == len([*of(Reported, events), *of(Assessed, events)])
