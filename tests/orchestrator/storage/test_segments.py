"""What names of segments say: every line once, by whoever was in force, in few objects."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.storage.segments import (
    LARGEST_BYTES,
    MERGED_AT_ONCE,
    Missing,
    Piece,
    Segment,
    due,
    pieces,
    segments_of,
)
from trainers.folder import Entry


def segment(first, stop, epoch=1, num_bytes=100):
    return Segment(first=first, stop=stop, epoch=epoch, num_bytes=num_bytes)


def lines(found):
    """Return which epoch each line is read from."""
    told = {}
    for piece in found:
        assert piece.segment.first <= piece.first < piece.stop <= piece.segment.stop
        for line in range(piece.first, piece.stop):
            assert line not in told
            told[line] = piece.segment.epoch
    assert sorted(told) == list(range(len(told)))
    return [told[line] for line in range(len(told))]


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(0, 10**8))
def test_a_name_says_all(first, count, epoch):
    made = segment(first, first + count, epoch)
    entry = Entry(name=made.name, num_bytes=100, modified=0.0)
    assert segments_of([entry, Entry(name="notes.txt", num_bytes=1, modified=0.0)]) == (made,)


def test_names_sort_as_lines_do():
    made = [segment(first, first + 1) for first in (0, 9, 10, 99, 100_000, 10**11)]
    assert sorted(made, key=lambda each: each.name) == made


@st.composite
def histories(draw):
    """Writers that take over from each other; those taken over may go on writing for a while.

    Returns:
        All segments that were ever written, and the epoch in force of each line.
    """
    written, force, zombies = [], [], {}
    for epoch in range(1, draw(st.integers(1, 5)) + 1):
        begins = len(force)
        if draw(st.booleans()):  # a writer that reads, and never writes: no fence
            continue
        written.append(segment(begins, begins, epoch))
        for _ in range(draw(st.integers(0, 4))):
            count = draw(st.integers(1, 4))
            written.append(segment(len(force), len(force) + count, epoch))
            force += [epoch] * count
            for zombie in sorted(zombies):  # one taken over goes on from where it was
                if draw(st.booleans()):
                    written.append(segment(zombies[zombie], zombies[zombie] + 1, zombie))
                    zombies[zombie] += 1
        if draw(st.booleans()) and len(force) > begins:  # merges some of all that it knows
            first = draw(st.integers(0, len(force) - 1))
            merged = segment(first, len(force), epoch)
            dead = [
                s
                for s in written
                if s.first >= first
                and s.stop <= len(force)
                and s.first < s.stop
                and s.epoch <= epoch
                and draw(st.booleans())
            ]
            written = [s for s in written if s not in dead] + [merged]
        zombies[epoch] = len(force)
    return written, force


@settings(max_examples=600)
@given(histories())
def test_every_line_is_read_once_from_a_writer_in_force(history):
    written, force = history
    found = lines(pieces(written))
    # a merge has earlier lines under its own epoch; beyond the last writer's fence nothing counts
    assert len(found) >= len(force) or not force
    for line, epoch in enumerate(force):
        assert found[line] >= epoch
    last = max((s.epoch for s in written if s.first == s.stop), default=0)
    assert all(epoch >= last for epoch in found[len(force) :])


def test_a_fence_without_lines_counts_only_while_it_is_the_newest():
    """A writer that was paused before it began, and wakes long after others took over."""
    log = [segment(0, 0, 1), segment(0, 6, 1)]
    assert lines(pieces([*log, segment(4, 4, 2)])) == [1] * 4
    assert lines(pieces([*log, segment(4, 4, 2), segment(6, 6, 3)])) == [1] * 6


def test_a_missing_line_is_noticed_and_a_missing_end_is_the_end():
    log = [segment(0, 3), segment(3, 4), segment(4, 9)]
    with pytest.raises(Missing) as error:
        pieces([log[0], log[2]])
    assert error.value.line == 3
    assert lines(pieces(log[:2])) == [1] * 4
    assert pieces([]) == ()


@settings(max_examples=30)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3000))
def test_merging_leaves_few_segments_and_every_line(counts):
    held, stop, merged_lines = [], 0, 0
    for count in counts:
        made = segment(stop, stop + count)
        held.append(Piece(segment=made, first=stop, stop=stop + count))
        stop += count
        while (chosen := due(held)) is not None:
            old = held[chosen]
            merged_lines += old[-1].stop - old[0].first
            made = segment(old[0].first, old[-1].stop)
            held[chosen] = [Piece(segment=made, first=made.first, stop=made.stop)]
    assert [piece.first for piece in held[1:]] == [piece.stop for piece in held[:-1]]
    assert held[-1].stop == stop
    assert len(held) <= 4 * MERGED_AT_ONCE
    assert merged_lines <= 4 * stop


def test_large_segments_are_left_alone():
    large = [
        Piece(segment=segment(n, n + 1, num_bytes=LARGEST_BYTES // 8), first=n, stop=n + 1)
        for n in range(2 * MERGED_AT_ONCE)
    ]
    assert due(large) is None
