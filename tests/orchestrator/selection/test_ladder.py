"""Laws of the ladder: what it remembers changes its work, never its answer."""

import itertools

import numpy as np
import pytest

from orchestrator.selection import Candidate, ladder
from orchestrator.selection.equal_tokens import advantage, ranking
from orchestrator.selection.ladder import Ladder


def drawn(number, draw):
    """Draw a member with few possible values, so that draws and equal tokens are common."""
    length = int(draw.integers(1, 6))
    tokens = np.cumsum(draw.integers(1, 4, length)) * 100
    fitness = draw.integers(-3, 0, length)
    curve = tuple((int(t), float(f)) for t, f in zip(tokens, fitness, strict=True))
    failed = bool(draw.random() < 0.15)
    return Candidate(
        member=number,
        fitness=curve[-1][1],
        batch_losses=(1.0, 1.0),
        generation=length,
        tokens=curve[-1][0],
        curve=curve[:-1] if failed else curve,
        failed=failed,
    )


def by_all_pairs(candidates):
    """Order by how many others are the fitter at equal tokens, a draw for a half."""

    def defeats(one):
        leads = [advantage(one, other) for other in candidates if other is not one]
        return sum((lead < 0) + 0.5 * (lead == 0) for lead in leads)

    return tuple(
        c.member for c in sorted(candidates, key=lambda c: (c.failed, defeats(c), c.member))
    )


@pytest.mark.parametrize("seed", range(20))
def test_its_order_is_that_of_all_pairs_whatever_it_met_before(seed):
    draw = np.random.default_rng(seed)
    held = Ladder()
    population = {}
    for _ in range(40):
        for _ in range(int(draw.integers(1, 4))):  # members come, and report again
            number = int(draw.integers(0, 14))
            population[number] = drawn(number, draw)
        candidates = tuple(population[number] for number in sorted(population))
        expected = by_all_pairs(candidates)
        assert held.order(candidates) == expected
        assert Ladder().order(candidates) == expected
        assert ranking(candidates) == expected


def test_another_population_of_the_same_size_is_another_one():
    draw = np.random.default_rng(3)
    held = Ladder()
    for first in (0, 100, 50):
        candidates = tuple(drawn(first + number, draw) for number in range(12))
        assert held.order(candidates) == by_all_pairs(candidates)


def test_a_report_is_compared_with_all_others_once_and_nobody_else_is(monkeypatch):
    draw = np.random.default_rng(5)
    compared = []
    leads = Ladder._leads

    def counted(self, at):
        compared.append(at)
        return leads(self, at)

    monkeypatch.setattr(Ladder, "_leads", counted)
    counts = {}
    for members in (20, 80):
        held = Ladder()
        population = [drawn(number, draw) for number in range(members)]
        held.order(tuple(population))
        compared.clear()
        for number in range(10):
            population[number] = drawn(number, draw)
            held.order(tuple(population))
        counts[members] = len(compared)
    assert counts[20] == counts[80] == 20  # before and after, for each of ten


def test_equal_tokens_need_no_pairs(monkeypatch):
    population = tuple(
        Candidate(
            member=number,
            fitness=float(-(number % 7)),
            batch_losses=(1.0,),
            generation=1,
            tokens=100,
            curve=((100, float(-(number % 7))),),
            failed=number % 5 == 0,
        )
        for number in range(3 * ladder.ALWAYS_COMPARED)
    )
    expected = by_all_pairs(population)
    monkeypatch.setattr(Ladder, "_leads", None)
    assert Ladder().order(population) == expected


def test_who_beats_whom_is_antisymmetric():
    draw = np.random.default_rng(7)
    population = [drawn(number, draw) for number in range(30)]
    for one, other in itertools.combinations(population, 2):
        assert advantage(one, other) == -advantage(other, one)
