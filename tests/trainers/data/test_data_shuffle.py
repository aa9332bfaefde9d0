"""Keyed draws: a value depends on its key and number alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.data.shuffle import Permutations, permutation, uniforms


@settings(deadline=None, max_examples=60)
@given(start=st.integers(0, 10_000), count=st.integers(0, 50), seed=st.integers(-5, 5))
def test_a_draw_depends_on_its_number_not_on_where_reading_starts(start, count, seed):
    one_by_one = [uniforms(("x", seed), start + i, 1)[0] for i in range(count)]
    assert uniforms(("x", seed), start, count).tolist() == one_by_one


def test_uniforms_are_uniform():
    u = uniforms(("x", 3), 0, 100_000)
    assert u.min() >= 0
    assert u.max() < 1
    # Kolmogorov-Smirnov at level 1e-3.
    deviation = np.abs(np.sort(u) - (np.arange(len(u)) + 0.5) / len(u)).max()
    assert deviation < 1.95 / np.sqrt(len(u))


@settings(deadline=None, max_examples=60)
@given(length=st.integers(0, 500), key=st.tuples(st.integers(), st.integers()))
def test_permutation_holds_every_number_once(length, key):
    assert sorted(permutation(key, length).tolist()) == list(range(length))


def test_permutations_of_other_keys_differ():
    orders = {
        permutation(("epoch", s, source, e), 50).tobytes()
        for s in (0, 1)
        for source in (0, 1)
        for e in (0, 1)
    }
    assert len(orders) == 8


def test_the_order_is_the_same_under_every_numpy_version():
    # Raw Philox outputs are covered by NumPy's compatibility promise (NEP 19); a changed order
    # would silently change what a resumed member reads.
    assert permutation(("epoch", 0, 0, 0), 8).tolist() == [4, 7, 1, 5, 0, 6, 3, 2]
    assert np.random.Philox(key=0).random_raw(1).tolist() == [213000021201967259]


def test_the_cache_changes_nothing_and_forgets(monkeypatch):
    monkeypatch.setattr("trainers.data.shuffle.CACHED_ENTRIES", 25)
    cache = Permutations()
    for _ in range(2):
        for epoch in range(5):
            assert cache.get(("k", epoch), 10).tolist() == permutation(("k", epoch), 10).tolist()
            assert cache._entries == sum(map(len, cache._kept.values())) <= 25
