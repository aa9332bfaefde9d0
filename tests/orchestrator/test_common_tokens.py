"""Laws of equal tokens: what is told of a generation does not depend on who is ahead."""

import math
from dataclasses import replace

import numpy as np
import pytest

from orchestrator.appraisal import Appraisal
from orchestrator.common_tokens import abreast
from orchestrator.event_log import LOG_NAME
from orchestrator.events import GenerationClosed, Ordered, Reported, Scored
from orchestrator.fitness import FitnessRule
from orchestrator.game.normal_form import nash_average
from orchestrator.game_terms import GameTerms
from orchestrator.horizon import PowerLaw, PresentLoss
from orchestrator.search_state import SearchState
from orchestrator.selection.decision import Keep

INTERVAL = 1024


class Keeping:
    """A policy by which everybody goes on: no weights are exchanged."""

    def select(self, candidates, *, due, generation, rng):
        return dict.fromkeys(due, Keep())


def nobody(task):
    return False


NASH = FitnessRule(game=GameTerms(nash_average=0.5))


def on_sources(answer):
    """Make answers in which members are better on some sources than on others."""

    def answers(task, *, fails):
        report = answer(task, fails=fails)
        if getattr(report, "domain_losses", None) is None:
            return report
        a, b, c, _ = report.losses
        lean = 0.3 * ((task.key.member % 3) - 1) * (1 + task.key.generation % 2)
        return replace(report, domain_losses=(a + lean, b - lean, c + 0.2, a))

    return answers


def closings(events):
    return {e.generation: e for e in events if isinstance(e, GenerationClosed)}


@pytest.mark.parametrize("horizon", [PresentLoss(), PowerLaw()])
@pytest.mark.parametrize("order", [None, 1, 2])
def test_without_exchange_every_generation_closes_as_in_the_synchronous_search(
    tmp_path, simulation, rules, order, horizon
):
    def told(mode, order):
        made = rules(
            mode=mode, members=5, generations=6, policy=Keeping(),
            fitness=FitnessRule(price_of_front=True, horizon=horizon),
        )  # fmt: skip
        return closings(simulation(tmp_path / f"{mode}.jsonl", made, order=order).run())

    together, apart = told("synchronous", None), told("asynchronous", order)
    assert any(c.price > 0 for c in together.values())
    for one, other in zip(together.values(), apart.values(), strict=True):
        assert (one.price, one.price_reason) == (other.price, other.price_reason)
        assert (one.best_member, one.best_loss) == (other.best_member, other.best_loss)
        # repriced from where it was scored: the same but for rounding
        assert one.best_fitness == pytest.approx(other.best_fitness, rel=1e-12)


@pytest.mark.parametrize("order", [None, 1, 2, 3])
def test_without_exchange_stagnation_ends_the_search_at_the_same_generation(
    tmp_path, simulation, rules, answer, monkeypatch, order
):
    """Losses fall and rise again: leaders that are past the turn end nothing early."""

    def turning(task, *, fails):
        report = answer(task, fails=fails)
        losses = (2.0 + abs(task.key.generation - 3) + 0.01 * task.key.member,) * 4
        return replace(report, losses=losses)

    close, ended = SearchState.close, {}

    def noting(self, generation, priced):
        told = close(self, generation, priced)
        if self.stopping is not None:
            ended.setdefault(self._rules.mode, (generation, self.stopping))
        return told

    monkeypatch.setattr(SearchState, "close", noting)
    for mode in ("synchronous", "asynchronous"):
        made = rules(
            mode=mode, members=4, generations=12, policy=Keeping(), stagnation_generations=2
        )
        path = tmp_path / f"{mode}.jsonl"
        simulation(path, made, order=order, answers=turning).run()
    assert ended == dict.fromkeys(("synchronous", "asynchronous"), (5, "stagnation"))


def lineage(member, generation, orders):
    """Yield the (member, generation) of a state and of all that it came from."""
    at = (member, generation)
    while at is not None:
        yield at
        at = orders[at].source


def course_of(events, members):
    """Yield each event with the population's orders, reports and newest generations up to it."""
    orders, reports, newest = {}, {}, {}
    for event in events:
        if isinstance(event, Ordered) and event.member < members:
            orders[event.member, event.generation] = event
        elif isinstance(event, Reported) and event.member < members:
            reports[event.member, event.generation] = event
            newest[event.member] = event.generation
        yield event, orders, reports, newest


def brute_force(events, members):
    """Yield, for each closing, what a log tells of the living at their common tokens."""
    fitness = {}
    for event, orders, reports, newest in course_of(events, members):
        match event:
            case Scored():
                fitness[event.member, event.generation] = event.fitness
            case GenerationClosed():
                living = [key for key in newest.items() if fitness[key] is not None]
                tokens = min((reports[key].ledger.tokens for key in living), default=None)
                seen = {
                    key[0]: next(
                        at for at in lineage(*key, orders) if reports[at].ledger.tokens == tokens
                    )
                    for key in living
                }
                now = max(living, key=lambda key: (fitness[key], -key[0]), default=None)
                yield (
                    event,
                    tokens,
                    {m: (fitness[at], reports[at]) for m, at in seen.items()},
                    (None if now is None else reports[now]),
                )
            case _:
                pass


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("failing", [False, True])
def test_the_best_of_a_generation_is_the_fittest_at_common_tokens(
    tmp_path, simulation, rules, order, failing
):
    """Worked out from the log alone: every lineage is followed back to the common tokens."""
    made = rules(mode="asynchronous", members=6, generations=8)
    fails = (lambda task: (task.member + 2 * task.generation) % 7 == 6) if failing else nobody
    events = simulation(tmp_path / LOG_NAME, made, order=order, fails=fails).run()
    ahead = 0
    for closed, _, seen, now in brute_force(events, 6):
        best = max(seen, key=lambda m: (seen[m][0], -m))
        fitness, report = seen[best]
        assert (closed.best_member, closed.best_fitness) == (best, fitness)
        assert closed.best_loss == pytest.approx(sum(report.losses) / 4, rel=1e-12)
        ahead += now.ledger.tokens > report.ledger.tokens
    assert ahead


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("patience", [1, 2])
def test_a_generation_that_is_no_further_does_not_count_as_one_without_a_better(
    tmp_path, simulation, rules, order, patience
):
    made = rules(mode="asynchronous", members=4, generations=16, stagnation_generations=patience)
    side = simulation(tmp_path / LOG_NAME, made, order=order)
    events = side.run()
    best, before, idle, stopped = -math.inf, 0, 0, False
    for _, tokens, seen, _ in brute_force(events, 4):
        fittest = max(fitness for fitness, _ in seen.values())
        if fittest > best:
            best, idle = fittest, 0
        elif tokens > before:
            idle += 1
        before = tokens
        stopped = stopped or idle >= patience
    assert (events[-1].reason == "stagnation") == stopped


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_target_is_reached_when_the_winner_to_be_has_it(tmp_path, simulation, rules, order):
    made = rules(mode="asynchronous", members=5, generations=20, target_loss=1.3)
    events = simulation(tmp_path / LOG_NAME, made, order=order).run()
    reached = [sum(now.losses) / 4 <= 1.3 for *_, now in brute_force(events, 5)]
    assert events[-1].reason == "target_loss"
    first = reached.index(True)
    told = [n for n, event in enumerate(events) if isinstance(event, GenerationClosed)]
    ordered = [n for n, e in enumerate(events) if isinstance(e, Ordered) and e.member < 5]
    assert first > 0
    assert told[first - 1] < max(ordered) < told[first]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("failing", [False, True])
def test_all_living_members_are_at_exactly_the_same_tokens(
    tmp_path, simulation, rules, monkeypatch, order, failing
):
    """Whoever copied whom, and however far ahead: nobody is left out, and nobody is newer."""
    close, told = SearchState.close, []

    def checking(self, generation, priced):
        records = self.census.records
        found = abreast(records)
        assert [o.key.member for o, _ in found.members] == [
            r.member for r in records if not r.outcome.failed
        ]
        assert {point.tokens for _, point in found.members} <= {found.tokens}
        ahead = [o.life.ledger.tokens > found.tokens for o, _ in found.members]
        told.append((found.tokens, any(ahead)))
        return close(self, generation, priced)

    monkeypatch.setattr(SearchState, "close", checking)
    made = rules(mode="asynchronous", members=6, generations=8)
    fails = (lambda task: (task.member + 2 * task.generation) % 7 == 6) if failing else nobody
    simulation(tmp_path / LOG_NAME, made, order=order, fails=fails).run()
    tokens = [at for at, _ in told]
    assert len(tokens) == 8
    assert tokens == sorted(tokens)  # nobody started afresh: they never fall back
    assert tokens[0] == INTERVAL
    assert any(ahead for _, ahead in told)


def test_in_a_synchronous_search_they_are_everybodys_newest(tmp_path, simulation, rules):
    side = simulation(tmp_path / LOG_NAME, rules(members=5, generations=4))
    side.run()
    found = abreast(side.search.records)
    assert found.tokens == 4 * INTERVAL
    assert all(point is outcome.life.curve[-1] for outcome, point in found.members)
    assert len(found.members) == 5


def test_where_nobody_lives_there_are_no_common_tokens(tmp_path, simulation, rules):
    side = simulation(tmp_path / LOG_NAME, rules(members=3, generations=1), fails=lambda task: True)
    side.run()
    assert abreast(side.search.records) == abreast(())
    assert abreast(()).tokens is None


def test_the_front_is_of_architectures_as_they_were_then(tmp_path, simulation, rules):
    """A point says what its own architecture costs, whatever became of the lineage since."""
    side = simulation(
        tmp_path / LOG_NAME, rules(mode="asynchronous", members=6, generations=8), order=2
    )
    side.run()
    changed = 0
    for record in side.search.records:
        life = record.outcome.life
        assert life.curve[-1].architecture_gflops == life.curve[-1].gflops  # no game: no saving
        changed += len({point.architecture_gflops for point in life.curve}) > 1
        for point in life.curve:
            assert point.repriced(3.0).horizon_loss == point.horizon_loss
            assert point.horizon_loss == pytest.approx(-point.fitness)
    assert changed


@pytest.mark.parametrize("mode", ["synchronous", "asynchronous"])
def test_a_point_tells_loss_and_cost_without_price_and_game(tmp_path, simulation, rules, mode):
    fitness = FitnessRule(nats_per_gflop_per_token=2.0, game=GameTerms())
    made = rules(mode=mode, members=5, generations=5, fitness=fitness)
    side = simulation(tmp_path / LOG_NAME, made, order=1)
    scored = {(e.member, e.generation): e.parts for e in side.run() if isinstance(e, Scored)}
    saving = 0
    for record in side.search.records:
        point = record.outcome.life.curve[-1]
        named = scored[record.member, record.order.generation]["parts"]
        assert point.horizon_loss == named["loss_present"] + named["horizon_correction"]
        assert 2.0 * point.architecture_gflops == pytest.approx(named["cost_price"])
        assert (point.gflops < point.architecture_gflops) == (named["best_reply"] < 0)
        saving += named["best_reply"] < 0
    assert saving


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_winner_is_the_fittest_at_the_price_of_the_last_report(
    tmp_path, simulation, rules, order
):
    made = rules(
        mode="asynchronous", members=6, generations=6, fitness=FitnessRule(price_of_front=True)
    )
    side = simulation(tmp_path / LOG_NAME, made, order=order)
    events = side.run()
    last = max(n for n, event in enumerate(events) if isinstance(event, Scored))
    price = [c.price for c in events[:last] if isinstance(c, GenerationClosed)][-1]
    assert price > 0
    newest = {r.member: r.outcome.life.curve[-1] for r in side.search.records}
    prices = {r.outcome.life.price for r in side.search.records}
    assert len(prices) > 1  # not all were scored at it
    dearness = {m: p.horizon_loss + price * p.architecture_gflops for m, p in newest.items()}
    assert events[-1].winner == min(dearness, key=dearness.get)


def played_by_hand(events, members):
    """Yield, for each score, the Nash term that the log's own reports and lineages lead to."""
    for event, orders, reports, newest in course_of(events, members):
        match event:
            case Scored() if event.fitness is not None:
                key = (event.member, event.generation)
                living = [k for k in newest.items() if reports[k].failure is None]
                tokens = min(reports[k].ledger.tokens for k in living)
                seen = [
                    next(
                        reports[at]
                        for at in lineage(*k, orders)
                        if reports[at].ledger.tokens == tokens
                    )
                    for k in living
                ]
                weights = nash_average([[-x for x in r.domain_losses] for r in seen]).domain_weights
                own = np.array(reports[key].domain_losses)
                yield event, own.mean() - own @ weights, reports[key].ledger.tokens - tokens
            case _:
                pass


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("failing", [False, True])
def test_sources_weigh_what_they_weigh_at_common_tokens(
    tmp_path, simulation, rules, answer, order, failing
):
    """Worked out from the log alone, of members that are better on some sources than on others."""
    made = rules(mode="asynchronous", members=5, generations=6, fitness=NASH)
    fails = (lambda task: (task.member + 2 * task.generation) % 7 == 6) if failing else nobody
    side = simulation(
        tmp_path / LOG_NAME, made, order=order, fails=fails, answers=on_sources(answer)
    )
    ahead = 0
    for scored, advantage, lead in played_by_hand(side.run(), 5):
        assert scored.parts["parts"]["nash_average"] == pytest.approx(-0.5 * advantage, abs=1e-9)
        ahead += lead > 0
    assert ahead


@pytest.mark.parametrize("order", [None, 1, 2])
def test_without_exchange_the_last_to_report_has_the_nash_term_of_the_synchronous_search(
    tmp_path, simulation, rules, answer, order
):
    """By then everybody is seen where it is, however far ahead the others have gone."""

    def told(mode, order):
        made = rules(mode=mode, members=5, generations=5, fitness=NASH, policy=Keeping())
        side = simulation(tmp_path / mode, made, order=order, answers=on_sources(answer))
        terms, last = {}, {}
        for event in side.run():
            if isinstance(event, Scored):
                terms[event.member, event.generation] = event.parts["parts"]["nash_average"]
                last[event.generation] = event.member
        return terms, last

    together, _ = told("synchronous", None)
    apart, last = told("asynchronous", order)
    assert len({round(term, 6) for term in together.values()}) > 5
    for generation, member in last.items():
        found = apart[member, generation]
        assert found == pytest.approx(together[member, generation], abs=1e-9)


def test_losses_on_sources_are_remembered_only_where_they_are_compared(tmp_path, simulation, rules):
    for mode, terms, kept in (
        ("synchronous", GameTerms(nash_average=0.5), False),
        ("asynchronous", GameTerms(), False),
        ("asynchronous", GameTerms(nash_average=0.5), True),
    ):
        made = rules(mode=mode, members=3, generations=2, fitness=FitnessRule(game=terms))
        side = simulation(tmp_path / f"{mode} {kept}", made)
        side.run()
        for record in side.search.records:
            points = record.outcome.life.curve
            assert all((point.domain_losses is not None) == kept for point in points)


def test_an_appraisal_goes_on_from_what_another_one_remembered(tmp_path, simulation, rules):
    made = rules(members=5, generations=6, fitness=FitnessRule(price_of_front=True))
    side = simulation(tmp_path / LOG_NAME, made)
    side.run()
    before = side.search._state.appraisal
    after = Appraisal(made)
    after.go_on_with(before.prices)
    assert after.prices == before.prices
    assert after.price_of_scores == before.price_of_scores > 0
    records = side.search.records
    assert after.close(6, records) == before.close(6, records)
