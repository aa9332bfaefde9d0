"""Laws of every selection policy."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator import selection
from orchestrator.randomness import generator
from orchestrator.selection import POLICIES, Candidate, Keep, ReplaceBy

ALL = pytest.mark.parametrize("name", POLICIES)


def candidate(member, fitness=0.0, *, generation=4, interval=100, failed=False, slope=0.01):
    tokens = generation * interval
    curve = tuple(
        (g * interval, fitness - slope * (generation - g)) for g in range(1, generation + 1)
    )
    losses = tuple(-fitness + 1e-3 * np.sin(i + member) for i in range(4))
    return Candidate(
        member=member,
        fitness=float("nan") if failed else fitness,
        batch_losses=() if failed else losses,
        generation=generation,
        tokens=tokens,
        curve=() if failed else curve,
        failed=failed,
    )


def select(name, candidates, due=None, seed=0):
    due = frozenset(c.member for c in candidates) if due is None else frozenset(due)
    policy = POLICIES[name]()
    return policy.select(
        tuple(candidates), due=due, generation=4, rng=generator(seed, "select", 4, -1)
    )


@st.composite
def populations(draw):
    size = draw(st.integers(1, 13))
    asynchronous = draw(st.booleans())
    fitnesses = st.one_of(st.just(-3.0), st.floats(-9, 0))
    candidates = [
        candidate(
            member,
            draw(fitnesses),
            generation=draw(st.integers(1, 9)) if asynchronous else 8,
            interval=draw(st.sampled_from([64, 100])) if asynchronous else 100,
            failed=draw(st.integers(0, 4)) == 0,
            slope=draw(st.floats(-0.1, 0.5)),
        )
        for member in range(size)
    ]
    due = draw(st.frozensets(st.integers(0, size - 1))) if asynchronous else frozenset(range(size))
    return tuple(candidates), due


@ALL
@settings(max_examples=60, deadline=None)
@given(population=populations(), seed=st.integers(0, 5))
def test_laws_of_every_answer(name, population, seed):
    candidates, due = population
    answer = select(name, candidates, due, seed)
    failed = {c.member for c in candidates if c.failed}
    replaced = {m for m, d in answer.items() if isinstance(d, ReplaceBy)}
    assert answer.keys() == due
    assert answer == select(name, candidates, due, seed)
    if len(failed) == len(candidates):
        assert not replaced
        return
    assert failed & due <= replaced
    for member, decision in answer.items():
        if isinstance(decision, ReplaceBy):
            assert decision.donor not in failed | replaced | {member}
            assert decision.donor in {c.member for c in candidates}
            assert decision.protocol_of not in failed


@ALL
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_nobody_is_replaced_among_equals(name, size):
    answer = select(name, [candidate(m, -2.0) for m in range(size)])
    assert all(
        d == Keep() or (d.protocol_of is not None and not d.explore)  # an evaluator's fresh start
        for d in answer.values()
    )


@ALL
@pytest.mark.parametrize("size", [1, 2, 5])
def test_when_all_failed_all_are_kept(name, size):
    answer = select(name, [candidate(m, failed=True) for m in range(size)])
    assert answer == {m: Keep() for m in range(size)}


@ALL
def test_the_only_survivor_rescues_everybody(name):
    answer = select(name, [candidate(m, failed=m != 3) for m in range(6)])
    assert {m: d.donor for m, d in answer.items() if m != 3} == dict.fromkeys([0, 1, 2, 4, 5], 3)
    assert answer[3] == Keep()


@ALL
def test_the_order_of_candidates_does_not_matter(name):
    population = [candidate(m, -0.1 * ((m * 5) % 8), failed=m == 6) for m in range(8)]
    assert select(name, population) == select(name, population[::-1])


@ALL
def test_repeated_selection_does_not_favour_the_worse(name):
    """Over many draws the mean fitness of what a population holds never falls."""
    population = [candidate(m, -0.3 * ((m * 3) % 8)) for m in range(8)]
    before = np.mean([c.fitness for c in population])
    for seed in range(20):
        answer = select(name, population, seed=seed)
        after = [
            population[d.donor if isinstance(d, ReplaceBy) and d.protocol_of is None else m].fitness
            for m, d in answer.items()
        ]
        assert np.mean(after) >= before


@ALL
def test_a_stranger_among_the_due_is_refused(name):
    with pytest.raises(ValueError, match=r"Due members must be candidates, but \[9\]"):
        select(name, [candidate(0), candidate(1)], {1, 9})


@ALL
def test_parameters_are_documented_defaults(name):
    policy = POLICIES[name]
    assert policy() == policy()
    assert inspect.getdoc(policy)
    assert policy.__name__ in selection.__all__


@ALL
def test_members_are_compared_at_equal_tokens(name):
    """A due member that has trained less is not replaced for that alone."""
    young = candidate(0, -3.0, generation=4)
    old = [
        candidate(m, -1.0, generation=40, slope=0.1) for m in range(1, 4)
    ]  # -4.6 at generation 4
    for seed in range(5):
        assert select(name, [young, *old], {0}, seed) == {0: Keep()}


def test_candidates_are_checked():
    with pytest.raises(ValueError, match="must be finite, but member 2 has fitness=nan"):
        Candidate(
            member=2,
            fitness=float("nan"),
            batch_losses=(),
            generation=1,
            tokens=1,
            curve=(),
            failed=False,
        )
    with pytest.raises(ValueError, match="must ascend strictly"):
        Candidate(
            member=2,
            fitness=0.0,
            batch_losses=(),
            generation=1,
            tokens=1,
            curve=((5, 0.0), (5, 0.0)),
            failed=False,
        )


@pytest.mark.parametrize(
    ("name", "parameters", "law"),
    [
        ("truncation", {"fraction": 0.7}, "0 < fraction <= 0.5"),
        ("tournament", {"challenge_probability": 0}, "0 < challenge_probability <= 1"),
        ("significance", {"level": 0.6}, "0 < level < 0.5"),
        ("multi_frequency", {"periods": (4, 1)}, "ascending"),
        ("multi_frequency", {"periods": ()}, "ascending"),
        ("improvement_rate", {"parent_share": 0.5}, "parent_share <= 1/3"),
        ("improvement_rate", {"evaluation_generations": 2}, "no evaluator can succeed"),
    ],
)
def test_parameters_are_checked(name, parameters, law):
    with pytest.raises(ValueError, match=law):
        POLICIES[name](**parameters)
