"""Curves are step functions of the population's tokens, and areas are theirs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.comparing.curves import (
    CurvePoint,
    common_tokens,
    curve,
    grid,
    mean_best,
    on_grid,
)
from orchestrator.comparing.generations import generations
from orchestrator.events import GenerationClosed, Reported
from orchestrator.story.telling import told


def points(pairs):
    return tuple(
        CurvePoint(
            generation=g,
            tokens=tokens,
            living=1,
            best=best,
            lower_quartile=best,
            median=best,
            upper_quartile=best,
            worst=best,
        )
        for g, (tokens, best) in enumerate(pairs)
    )


ascending = st.lists(st.tuples(st.integers(1, 50), st.floats(0.5, 5)), min_size=1, max_size=8).map(
    lambda pairs: points(
        [(sum(p[0] for p in pairs[: i + 1]), pairs[i][1]) for i in range(len(pairs))]
    )
)


@given(made=ascending, data=st.data())
def test_the_mean_is_that_of_the_loss_in_hand_at_every_token(made, data):
    low, high = made[0].tokens, made[-1].tokens
    first = data.draw(st.integers(low, high))
    last = data.draw(st.integers(first, high))
    at = range(first, last) if last > first else [first]
    in_hand = on_grid(made, at).best
    assert mean_best(made, first=first, last=last) == pytest.approx(np.mean(in_hand))


@given(made=ascending, shift=st.floats(-1, 1))
def test_a_lower_curve_has_a_smaller_mean_by_as_much(made, shift):
    lower = tuple(replace(p, best=p.best - shift) for p in made)
    first, last = made[0].tokens, made[-1].tokens
    difference = mean_best(made, first=first, last=last) - mean_best(lower, first=first, last=last)
    assert difference == pytest.approx(shift)


def test_the_common_tokens_are_where_all_are_known():
    a, b, c = points([(10, 3.0), (40, 2.0)]), points([(20, 3.0), (30, 2.5)]), points([(50, 1.0)])
    assert common_tokens([a, b]) == (20, 30)
    assert common_tokens([a]) == (10, 40)
    assert common_tokens([a, c]) is None
    assert common_tokens([a, ()]) is None


def test_a_search_is_on_the_grid_from_its_first_point_to_its_last():
    a, b = points([(10, 3.0), (40, 2.0)]), points([(20, 3.0), (30, 2.5)])
    at = grid([a, b, ()])
    assert (at[0], at[-1]) == (10, 40)
    best = on_grid(b, at).best
    assert [value is None for value in best] == [not 20 <= t <= 30 for t in at]
    assert set(best) == {None, 3.0, 2.5}


def test_a_point_is_of_the_living_members_at_the_closing(search):
    story = told(search(members=5, generations=3, fails={(0, 1), (1, 1)}))
    made = curve(generations(story), unit="nats per token")
    assert [p.living for p in made] == [5, 3, 5]
    assert [p.best for p in made] == [c.best_loss for c in story.closings]
    assert all(p.best <= p.lower_quartile <= p.median <= p.upper_quartile <= p.worst for p in made)
    doubled = curve(generations(story), unit="bits per byte")
    assert [p.median for p in doubled] == pytest.approx([2 * p.median for p in made])


def test_a_generation_that_nobody_survived_has_no_point(search):
    story = told(search(members=2, generations=3, fails={(0, 1), (1, 1)}))
    assert [p.generation for p in curve(generations(story), unit="nats per token")] == [0, 2]


def test_tokens_are_the_closings_and_shares_rise_to_one(search):
    story = told(search())
    made = generations(story)
    assert [g.tokens for g in made] == [c.tokens for c in story.closings]
    assert [g.share for g in made] == pytest.approx([(i + 1) / 6 for i in range(6)])


def test_in_an_asynchronous_search_quick_members_are_ahead_when_a_generation_closes(search):
    """Member 1 reports generation 1 before member 0 reports generation 0."""
    events = list(search(members=2, generations=2))
    reports = {(e.member, e.generation): e for e in events if isinstance(e, Reported)}
    closings = [e for e in events if isinstance(e, GenerationClosed)]
    rest = [e for e in events if not isinstance(e, Reported | GenerationClosed)]
    closings[0] = replace(closings[0], tokens=3000)
    story = told(
        [
            *rest,
            reports[1, 0],
            reports[1, 1],
            reports[0, 0],
            closings[0],
            reports[0, 1],
            closings[1],
        ]
    )
    first, second = generations(story)
    assert [(r.member, r.generation) for r in first.newest] == [(0, 0), (1, 1)]
    assert [(r.member, r.generation) for r in second.newest] == [(0, 1), (1, 1)]
    assert [(r.member, r.generation) for r in first.reports] == [(0, 0), (1, 0)]


def test_a_member_that_failed_before_its_first_token_is_not_living(search):
    events = [
        replace(e, interval_tokens=0)
        if isinstance(e, Reported) and (e.member, e.generation) == (1, 1)
        else replace(e, tokens=e.tokens - 1000)
        if isinstance(e, GenerationClosed) and e.generation >= 1
        else e
        for e in search(members=2, generations=3, fails={(1, 1)})
    ]
    assert [len(g.living) for g in generations(told(events))] == [2, 1, 2]


def test_searches_of_many_sizes_each_have_points_on_the_grid():
    small, large = points([(10, 3.0), (100, 2.0)]), points([(10_000, 3.0), (100_000, 2.0)])
    at = grid([small, large])
    assert (at[0], at[-1]) == (10, 100_000)
    for each in (small, large):
        assert sum(value is not None for value in on_grid(each, at).best) > 5
