"""The stream of a member depends on (seed, position, mix), not on how it is read."""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.data.cursor import draw_sources

CONTEXT = 16
mixes = st.sampled_from([(1.0, 0.0), (0.0, 1.0), (0.5, 0.5), (0.9, 0.1), (0.3, 0.7)])


def read(corpus, position, cuts, *, seed, mix):
    """Read a stream in the given (sequences, length) pieces; return inputs, targets, position."""
    inputs, targets = [], []
    for sequences, length in cuts:
        tokens, position = corpus.batch(
            position, seed=seed, sequences=sequences, length=length, mix=mix
        )
        assert tokens.shape == (sequences, length + 1)
        assert tokens.dtype == torch.int64
        inputs.append(tokens[:, :-1].flatten())
        targets.append(tokens[:, 1:].flatten())
    return torch.cat(inputs), torch.cat(targets), position


@st.composite
def cuttings(draw):
    """Pieces that end at whole windows; a row's length always divides where the piece starts."""
    cuts, tokens = [], 0
    for _ in range(draw(st.integers(1, 6))):
        length = draw(st.sampled_from([n for n in (1, 2, 4, 8, 16) if tokens % n == 0]))
        sequences = draw(st.integers(1, 20))
        cuts.append((sequences, length))
        tokens += sequences * length
    rest = -tokens % CONTEXT
    if rest:
        cuts.append((rest // math.gcd(rest, CONTEXT), math.gcd(rest, CONTEXT)))
    return cuts, (tokens + rest) // CONTEXT


@settings(deadline=None, max_examples=60)
@given(cutting=cuttings(), seed=st.integers(0, 3), mix=mixes)
def test_the_stream_does_not_depend_on_the_cuts(corpus, cutting, seed, mix):
    cuts, windows = cutting
    whole = read(corpus, corpus.start(), [(windows, CONTEXT)], seed=seed, mix=mix)
    pieces = read(corpus, corpus.start(), cuts, seed=seed, mix=mix)
    assert torch.equal(whole[0], pieces[0])
    assert torch.equal(whole[1], pieces[1])
    assert whole[2] == pieces[2]


@settings(deadline=None, max_examples=60)
@given(cutting=cuttings(), resume_after=st.integers(0, 5), seed=st.integers(0, 3), mix=mixes)
def test_a_position_resumes_the_stream(corpus, cutting, resume_after, seed, mix):
    cuts, _ = cutting
    head, tail = cuts[:resume_after], cuts[resume_after:]
    if not head or not tail:
        return
    at = read(corpus, corpus.start(), head, seed=seed, mix=mix)[2]
    resumed = replace(at)  # a copy by value: nothing else is carried
    expected = read(corpus, corpus.start(), cuts, seed=seed, mix=mix)
    assert torch.equal(read(corpus, resumed, tail, seed=seed, mix=mix)[1], expected[1][at.tokens :])


@settings(deadline=None, max_examples=60)
@given(cutting=cuttings(), seed=st.integers(0, 3), mix=mixes)
def test_the_position_counts_tokens_and_finished_windows(corpus, cutting, seed, mix):
    position = replace(corpus.start(), steps=7)
    for cut in cutting[0]:
        before = position
        position = read(corpus, position, [cut], seed=seed, mix=mix)[2]
        assert position.tokens - before.tokens == cut[0] * cut[1]
        assert position.steps == 7
        assert sum(position.windows) == position.tokens // CONTEXT


@pytest.mark.parametrize("source", [0, 1])
def test_each_window_is_read_once_an_epoch_in_another_order(corpus, source):
    count = corpus.windows("train")[source]
    mix = tuple(float(s == source) for s in range(2))
    epochs, position = [], corpus.start()
    for _ in range(3):
        tokens, position = corpus.batch(position, seed=5, sequences=count, length=CONTEXT, mix=mix)
        epochs.append([tuple(row) for row in tokens.tolist()])
    stream = corpus._streams["train"][source]
    assert len(stream) - 1 - count * CONTEXT < CONTEXT
    starts = torch.zeros(count, CONTEXT + 1, dtype=torch.int64)
    for i, row in enumerate(starts.numpy()):
        stream.read(i * CONTEXT, row)
    windows = Counter(map(tuple, starts.tolist()))
    assert all(Counter(epoch) == windows for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_a_batch_across_the_end_of_an_epoch_is_that_of_its_parts(corpus):
    count = corpus.windows("train")[1]
    mix = (0.0, 1.0)
    whole = read(corpus, corpus.start(), [(count - 3, 16), (10, 16)], seed=1, mix=mix)
    parts = read(corpus, corpus.start(), [(count, 16), (7, 16)], seed=1, mix=mix)
    assert torch.equal(whole[1], parts[1])


@pytest.mark.parametrize("mix", [(0.9, 0.1), (0.25, 0.75), (0.2, 0.3, 0.5)])
def test_sources_are_drawn_by_their_shares(mix):
    n = 20_000
    drawn = Counter(draw_sources(seed=1, start=0, count=n, mix=mix).tolist())
    for source, share in enumerate(mix):
        assert abs(drawn[source] - n * share) < 4.5 * math.sqrt(n * share * (1 - share))


@settings(deadline=None, max_examples=60)
@given(
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=6).filter(lambda s: sum(s) > 1e-6),
    start=st.integers(0, 10**12),
)
def test_a_source_without_share_is_never_drawn(shares, start):
    mix = tuple(s / sum(shares) for s in shares)
    drawn = draw_sources(seed=0, start=start, count=50, mix=mix)
    assert all(mix[s] > 0 for s in drawn.tolist())


def test_seeds_read_other_orders(corpus):
    a, b = (
        corpus.batch(corpus.start(), seed=s, sequences=8, length=16, mix=(0.5, 0.5))[0]
        for s in (0, 1)
    )
    assert not torch.equal(a, b)


def test_a_new_mix_acts_from_the_next_window(corpus):
    start = corpus.batch(corpus.start(), seed=0, sequences=4, length=16, mix=(1.0, 0.0))[1]
    after = corpus.batch(start, seed=0, sequences=4, length=16, mix=(0.0, 1.0))[1]
    assert (start.windows, after.windows) == ((4, 0), (4, 4))


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ({"length": 5}, "divides context_length=16"),
        ({"length": 0}, "`sequences >= 1`"),
        ({"sequences": 0}, "`sequences >= 1`"),
        ({"mix": (1.0,)}, "one count a source"),
        ({"mix": (0.5, 0.6)}, "sum to 1"),
        ({"mix": (-0.5, 1.5)}, "shares >= 0"),
        ({"mix": (float("nan"), 1.0)}, "sum to 1"),
    ],
)
def test_arguments_that_break_a_law_are_refused(corpus, change, law):
    arguments = {"seed": 0, "sequences": 2, "length": 8, "mix": (0.5, 0.5)} | change
    with pytest.raises(ValueError, match=law):
        corpus.batch(corpus.start(), **arguments)


def test_a_position_that_is_not_of_this_corpus_is_refused(corpus):
    with pytest.raises(ValueError, match=r"sum\(position.windows\)"):
        corpus.batch(
            replace(corpus.start(), tokens=32), seed=0, sequences=2, length=8, mix=(0.5, 0.5)
        )
    with pytest.raises(ValueError, match=r"position\.tokens must be a multiple of length=16"):
        corpus.batch(
            replace(corpus.start(), tokens=8), seed=0, sequences=2, length=16, mix=(0.5, 0.5)
        )
