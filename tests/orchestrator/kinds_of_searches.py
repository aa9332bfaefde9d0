"""Searches of every kind, and what decides how each of them goes on."""

from dataclasses import replace

from orchestrator.fitness import FitnessRule
from orchestrator.game_terms import GameTerms
from orchestrator.proposers import PROPOSERS, WeightedProposer, WeightedProposers

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
