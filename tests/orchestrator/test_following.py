"""A log that is followed leads to the state that deciding all of it again leads to."""

from dataclasses import replace

import pytest

from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import Assessed, GenerationClosed, Ordered, Reported, Scored
from orchestrator.fitness import FitnessRule
from orchestrator.game_terms import GameTerms
from orchestrator.proposers import PROPOSERS, RecallingProposer, WeightedProposer, WeightedProposers

NOTHING, EVERYTHING = 0, 1_000_000


def proposing(space, *names):
    return WeightedProposers(
        tuple(
            WeightedProposer(name=name, proposer=PROPOSERS[name](space), weight=1.0)
            for name in names
        )
    )


def some_fail(task):
    return (task.member + 2 * task.generation) % 5 == 0


SEARCHES = {
    "synchronous": {},
    "asynchronous": {"mode": "asynchronous"},
    "failing": {"members": 3},
    "failing one by one": {"members": 3, "mode": "asynchronous"},
    "with a front's price": {"fitness": FitnessRule(price_of_front=True)},
    "with the game": {"fitness": FitnessRule(price_of_front=True, game=GameTerms())},
    "with a front's price, one by one": {
        "mode": "asynchronous", "fitness": FitnessRule(price_of_front=True),
    },
    "with the game, one by one": {
        "mode": "asynchronous", "members": 4,
        "fitness": FitnessRule(price_of_front=True, game=GameTerms(nash_average=0.5)),
    },
    "stagnating": {"stagnation_generations": 2, "generations": 12},
    "stagnating one by one": {
        "stagnation_generations": 1, "generations": 8, "mode": "asynchronous", "members": 4,
    },
    "spending": {"budget_flops": 1e11},
}  # fmt: skip


def made(rules, name):
    """Make the rules anew: proposers remember."""
    changes = dict(SEARCHES[name])
    found = rules(**changes)
    return replace(found, proposers=proposing(found.space, "mutation", "crossover", "random"))


def state_of(search):
    """Return everything that decides how a search goes on."""
    state = search._state
    appraisal, proposers = state.appraisal, search._rules.proposers._recalling
    return (
        state.census.records,
        state.stopping,
        {key: state.maker(key) for key in state.wanted_makers()},
        state._closed,
        state._best_life,
        state._best_generation,
        state._closed_tokens,
        (state._tokens, state._flops),
        appraisal.price_of_scores,
        (appraisal._price, appraisal._lineages._living, appraisal._lineages._finished),
        (proposers["mutation"].scale, proposers["mutation"]._pending),
        search.needed_states(),
    )


@pytest.mark.parametrize("name", SEARCHES)
def test_following_a_log_is_deciding_it_again(tmp_path, simulation, rules, name):
    options = {"order": 3, "fails": some_fail if "failing" in name else lambda task: False}
    whole = simulation(tmp_path / LOG_NAME, made(rules, name), **options).run()
    followed = 0
    for events in range(0, len(whole), 9):
        path = tmp_path / f"{events}.jsonl"
        sides = []
        for decided_again in (NOTHING, EVERYTHING):
            path.unlink(missing_ok=True)
            with EventLog(path) as log:
                log.append(whole[:events])
            side = simulation(path, made(rules, name), decided_again=decided_again, **options)
            side.run(stop_after=0)
            sides.append(side)
        follower, decider = sides
        assert decider.followed == 0
        assert state_of(follower.search) == state_of(decider.search)
        assert {t.name: t for t in follower.open_tasks} == {t.name: t for t in decider.open_tasks}
        assert follower.told == decider.told
        assert follower.departures == 0
        followed += follower.followed
    assert followed > len(whole)


def test_the_newest_events_and_the_verdict_are_decided_again(tmp_path, simulation, rules):
    path = tmp_path / LOG_NAME
    whole = simulation(path, rules()).run()
    for decided_again in (0, 1, 10, 30, len(whole)):
        side = simulation(path, rules(), decided_again=decided_again)
        assert side.run() == whole
        left = len(whole) - side.rules.members - side.followed
        assert left >= min(decided_again, len(whole) - side.rules.members)
        assert side.followed % 19 == 0  # whole generations: 6 reports, scores and orders, a closing
    verdict = next(n for n, event in enumerate(whole) if isinstance(event, Assessed))
    nothing = simulation(path, rules(), decided_again=NOTHING)
    nothing.run()
    assert 0 < nothing.followed < verdict


def test_what_was_decided_otherwise_long_ago_is_told_where_it_shows(tmp_path, simulation, rules):
    """A followed log wins, too; that its best is not its scores' best is a departure."""
    path = tmp_path / LOG_NAME
    whole = simulation(path, rules()).run()
    at = next(n for n, event in enumerate(whole) if isinstance(event, GenerationClosed))
    path.unlink()
    with EventLog(path) as log:
        log.append([*whole[:at], replace(whole[at], best_fitness=1.0), *whole[at + 1 :]])
    side = simulation(path, rules(), decided_again=NOTHING)
    side.run()
    assert side.followed
    assert side.departures == 1


def first(whole, kind, *, after=20):
    return next(n for n, event in enumerate(whole) if n >= after and isinstance(event, kind))


ALTERED = {
    "a report left out": lambda w, n: [*w[: n[Reported]], *w[n[Reported] + 1 :]],
    "a report of another member": lambda w, n: _with(w, n[Reported], member=5),
    "a report of nobody": lambda w, n: _with(w, n[Reported], member=99),
    "a report of another generation": lambda w, n: _with(w, n[Reported], generation=3),
    "a score left out": lambda w, n: [*w[: n[Scored]], *w[n[Scored] + 1 :]],
    "a score without parts": lambda w, n: _with(w, n[Scored], parts={}),
    "a score that is not the sum of its parts": lambda w, n: _with(
        w, n[Scored], parts={**w[n[Scored]].parts, "value": 1.0}
    ),
    "a score of another member": lambda w, n: _with(w, n[Scored], member=5),
    "another generation closed": lambda w, n: _with(w, n[GenerationClosed], generation=3),
    "no generation closed": lambda w, n: [
        *w[: n[GenerationClosed]], *w[n[GenerationClosed] + 1 :]
    ],
    "an order of another generation": lambda w, n: _with(w, n[Ordered], generation=4),
    "an order of nobody": lambda w, n: _with(w, n[Ordered], member=99),
    "an order twice": lambda w, n: [*w[: n[Ordered]], w[n[Ordered]], *w[n[Ordered] :]],
    "an order from a state that is not there": lambda w, n: _with(w, n[Ordered], source=(0, 3)),
    "an order from nowhere": lambda w, n: _with(w, n[Ordered], source=None),
}  # fmt: skip


def _with(whole, at, **changes):
    return [*whole[:at], replace(whole[at], **changes), *whole[at + 1 :]]


@pytest.mark.parametrize("name", ALTERED)
def test_a_log_that_is_none_of_such_a_search_is_refused(tmp_path, simulation, rules, name):
    path = tmp_path / LOG_NAME
    whole = simulation(path, rules()).run()
    places = {kind: first(whole, kind) for kind in (Reported, Scored, GenerationClosed, Ordered)}
    path.unlink()
    with EventLog(path) as log:
        log.append(ALTERED[name](whole, places))
    with pytest.raises(UserError, match="a log follows from its run file"):
        simulation(path, rules(), decided_again=NOTHING).run()


@pytest.mark.parametrize("name", ["optuna", "nevergrad"])
def test_logs_of_proposers_with_a_memory_of_their_own_are_decided_again(
    tmp_path, simulation, rules, name
):
    def remembering():
        found = rules(members=4, generations=4)
        return replace(found, proposers=proposing(found.space, "mutation", name))

    path = tmp_path / LOG_NAME
    whole = simulation(path, remembering()).run()
    side = simulation(path, remembering(), decided_again=NOTHING)
    assert side.run() == whole
    assert side.followed == 0


def test_the_guard_rail_learns_from_every_generation(rules):
    assert rules(fitness=FitnessRule(game=GameTerms())).can_be_followed
    assert not rules(fitness=FitnessRule(game=GameTerms(guard_rail=True))).can_be_followed


def test_a_proposer_recalls_as_if_it_had_proposed(rules):
    made = rules()
    for name in ("best_reply", "crossover", "mutation", "random", "replicator"):
        assert isinstance(PROPOSERS[name](made.space), RecallingProposer)
    proposers = proposing(made.space, "mutation", "crossover")
    proposers.recall("mutation", 3, made.first_genomes[0])
    proposers.recall("nobody's", 4, made.first_genomes[0])
    assert proposers._recalling["mutation"]._pending == {3: made.first_genomes[0]}
