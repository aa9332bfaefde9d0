"""A log in segments gives back what was stored, to one writer at a time, whatever stops it."""

import contextlib
import os
import subprocess
import sys
import threading
import time

import pytest

from orchestrator.errors import UserError
from orchestrator.event_log import EventLog
from orchestrator.events import GenerationClosed
from orchestrator.storage import claims
from orchestrator.storage.claims import USUAL, Claim, Rhythm, is_claimed
from orchestrator.storage.mirror import Mirror
from orchestrator.storage.restoring import restore
from orchestrator.storage.segments import MERGED_AT_ONCE, segments_of

QUICK = Rhythm(beat_seconds=0.2, stale_seconds=5.0)
"""Stores tell the time in whole seconds."""


def made(first, stop, *, tokens=128):
    return [
        GenerationClosed(
            generation=number,
            best_member=0,
            best_loss=5.375,
            best_fitness=-5.375,
            tokens=tokens,
            flops=1e9,
        )
        for number in range(first, stop)
    ]


def as_one_file(tmp_path, told):
    path = tmp_path / "plain.jsonl"
    path.unlink(missing_ok=True)
    with EventLog(path) as log:
        log.append(told)
    return path.read_bytes()


def read(writers):
    """Return the bytes that a machine gets which has nothing yet."""
    path = writers.machine()
    restore(writers.folder / "events", path)
    return path.read_bytes()


def segments(writers):
    found = segments_of((writers.folder / "events").entries())
    return [segment for segment in found if not segment.is_fence]


@contextlib.contextmanager
def dead_after(writers, rhythm=QUICK):
    """Open a log, and end as `kill -9` does: nothing is given back."""
    path = writers.machine()
    claim = Claim(writers.folder, rhythm)
    restored = restore(writers.folder / "events", path)
    mirror = Mirror(writers.folder / "events", claim, path, restored=restored, begin=lambda: None)
    with EventLog(path, mirror=mirror) as log:
        yield log, claim, mirror
    claim._ended.set()  # the heart stops; the claim stays
    claim._thread.join()
    mirror.close()


def wait_until_stale(rhythm=QUICK):
    time.sleep(rhythm.stale_seconds + 1.1)


def test_what_is_stored_is_the_file_byte_by_byte(writers, tmp_path):
    path = writers.machine()
    for number in range(3):
        with writers.open(path) as log:
            assert len(log.events) == 4 * number
            log.append(made(4 * number, 4 * number + 3))
            log.append(made(4 * number + 3, 4 * number + 4))
    expected = as_one_file(tmp_path, made(0, 12))
    assert path.read_bytes() == expected
    assert read(writers) == expected


def test_another_machine_goes_on_and_the_first_catches_up(writers, tmp_path):
    first, second = writers.machine(), writers.machine()
    with writers.open(first) as log:
        log.append(made(0, 3))
    with writers.open(second) as log:
        assert list(log.events) == made(0, 3)
        log.append(made(3, 5))
    with writers.open(first) as log:
        assert list(log.events) == made(0, 5)
    assert first.read_bytes() == second.read_bytes() == as_one_file(tmp_path, made(0, 5))


def test_the_store_wins_over_the_copy(writers, tmp_path):
    path = writers.machine()
    with writers.open(path) as log:
        log.append(made(0, 3))
    with EventLog(path) as log:  # never stored: by a zombie, or by hand
        log.append(made(3, 9))
    with writers.open(path) as log:
        assert list(log.events) == made(0, 3)
        log.append(made(3, 4, tokens=7))
    with path.open("ab") as file:
        file.write(b'{"n":4,"event":"gener')  # torn by a crash
    with writers.open(path) as log:
        assert list(log.events) == made(0, 3) + made(3, 4, tokens=7)
    other = writers.machine()
    with EventLog(other) as log:  # another search's
        log.append(made(0, 2, tokens=99))
    with writers.open(other) as log:
        assert list(log.events) == made(0, 3) + made(3, 4, tokens=7)


def test_only_one_writes(writers):
    with writers.open(rhythm=QUICK) as log:
        log.append(made(0, 1))
        assert is_claimed(writers.folder, QUICK)
        with (
            pytest.raises(UserError, match="one process writes a search") as error,
            writers.open(rhythm=QUICK),
        ):
            pass
        assert "process" in error.value.found
        log.append(made(1, 2))
    assert not is_claimed(writers.folder)
    with writers.open() as log:
        assert list(log.events) == made(0, 2)


def test_a_killed_writer_is_waited_for_and_then_gone_on_from(writers, tmp_path):
    with dead_after(writers) as (log, _, _):
        log.append(made(0, 3))
    assert is_claimed(writers.folder, QUICK)
    with writers.open(rhythm=QUICK) as log:  # waits until it is certain
        assert list(log.events) == made(0, 3)
        log.append(made(3, 4))
    assert read(writers) == as_one_file(tmp_path, made(0, 4))
    assert not (writers.folder / "writers").entries()


def test_one_whose_process_has_gone_from_this_machine_is_not_waited_for(writers, monkeypatch):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: ended.pid)
        with dead_after(writers, USUAL) as (log, _, _):
            log.append(made(0, 1))
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waits"))
    with writers.open() as log:
        assert list(log.events) == made(0, 1)


def test_two_at_once_never_both_win(writers, monkeypatch):
    """Both look around before either has put its claim; then each sees the other."""
    ready = threading.Barrier(2)
    real = Claim._require_alone

    def meet(claim):
        ready.wait(60)
        real(claim)

    monkeypatch.setattr(Claim, "_require_alone", meet)
    won, lost = [], []

    def claim():
        try:
            won.append(Claim(writers.folder, QUICK))
        except UserError as error:
            lost.append(error)

    both = [threading.Thread(target=claim) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(won) <= 1
    assert len(won) + len(lost) == 2
    for winner in won:
        winner.close()
    monkeypatch.setattr(Claim, "_require_alone", real)
    Claim(writers.folder, QUICK).close()


def test_one_that_begins_between_a_look_and_a_claim_wins(writers, monkeypatch):
    highest = claims._highest_begun
    begun = []

    def begin_first(folder):
        monkeypatch.setattr(claims, "_highest_begun", highest)
        before = highest(folder)
        begun.append(Claim(writers.folder, QUICK))
        begun[0].fence(0)
        return before

    monkeypatch.setattr(claims, "_highest_begun", begin_first)
    with pytest.raises(UserError, match="one process writes"):
        Claim(writers.folder, QUICK)
    begun[0].require_in_force()
    begun[0].close()


def test_what_a_zombie_writes_does_not_count(writers, tmp_path):
    """A writer is paused, another takes over, and the first wakes up with a write on its way."""
    with dead_after(writers) as (zombie, claim, mirror):
        zombie.append(made(0, 3))
        claim._ended.set()  # paused: its heart stands still
        claim._thread.join()
        wait_until_stale()
        claim._beaten = claims._now()  # it does not know how long it slept
        with writers.open(rhythm=QUICK) as log:
            log.append(made(3, 5, tokens=7))
            zombie.append(made(3, 9))  # a request that had been under way
            log.append(made(5, 6, tokens=7))
            claim._beaten = float("-inf")  # now it looks at its clock
            with pytest.raises(UserError, match="another one has taken over"):
                zombie.append(made(9, 10))
            with pytest.raises(UserError, match="another one has taken over"):
                mirror._claim.fence(9)
    expected = made(0, 3) + made(3, 6, tokens=7)
    assert read(writers) == as_one_file(tmp_path, expected)
    with writers.open(rhythm=QUICK) as log:
        assert list(log.events) == expected
        log.append(made(6, 7, tokens=7))
    assert read(writers) == as_one_file(tmp_path, [*expected, *made(6, 7, tokens=7)])


def test_a_zombie_ends_by_itself(writers):
    with dead_after(writers) as (zombie, claim, _):
        zombie.append(made(0, 1))
        real = claim._beat
        claim._beat = lambda folder: None  # cut off from the store, but alive
        wait_until_stale()
        with writers.open(rhythm=QUICK) as log:
            log.append(made(1, 2))
            claim._beat = real
            claim._thread.join(30)
            assert not claim._thread.is_alive()
            with pytest.raises(UserError, match="another one has taken over"):
                zombie.append(made(1, 2))


def test_a_writer_that_wakes_before_it_has_begun_harms_nobody(writers, tmp_path):
    """It is paused between reading the log and its fence; its fence comes after the other's."""
    path = writers.machine()
    late = Claim(writers.folder, QUICK)
    late._ended.set()
    late._thread.join()
    restore(writers.folder / "events", path)
    wait_until_stale()
    with writers.open(rhythm=QUICK) as log:
        log.append(made(0, 2))
        with pytest.raises(UserError, match="another one has taken over"):
            late.fence(0)
        log.append(made(2, 3))
    assert read(writers) == as_one_file(tmp_path, made(0, 3))


def test_small_segments_become_large_ones(writers, tmp_path):
    count = 3 * MERGED_AT_ONCE + 5
    path = writers.machine()
    with writers.open(path) as log:
        for number in range(count):
            log.append(made(number, number + 1))
    with writers.open(path) as log:
        log.append(made(count, count + 1))
        while log._mirror.merge():
            pass
    assert len(segments(writers)) < MERGED_AT_ONCE + 4
    assert read(writers) == as_one_file(tmp_path, made(0, count + 1)) == path.read_bytes()


@pytest.mark.parametrize("deleted", [0, 1, MERGED_AT_ONCE // 2])
def test_a_merge_that_is_stopped_leaves_the_log_whole(writers, tmp_path, monkeypatch, deleted):
    """The new segment is there, and of the old ones so many have gone."""
    events = writers.folder / "events"
    kind = type(events)
    real = kind.delete
    monkeypatch.setattr(Mirror, "_merge_on", lambda mirror: None)

    def stopped(folder, *names):
        real(folder, *names[:deleted])
        raise KeyboardInterrupt

    with dead_after(writers) as (log, _, mirror):
        for number in range(MERGED_AT_ONCE):
            log.append(made(number, number + 1))
        with monkeypatch.context() as patch:
            patch.setattr(kind, "delete", stopped)
            with pytest.raises(KeyboardInterrupt):
                mirror.merge()
    expected = as_one_file(tmp_path, made(0, MERGED_AT_ONCE))
    assert len(segments(writers)) == 1 + MERGED_AT_ONCE - deleted
    assert read(writers) == expected
    wait_until_stale()
    with writers.open(rhythm=QUICK) as log:
        log.append(made(MERGED_AT_ONCE, MERGED_AT_ONCE + 1))
        log._mirror.merge()
        assert len(segments(writers)) == 2  # what was left over has gone
    assert read(writers) == as_one_file(tmp_path, made(0, MERGED_AT_ONCE + 1))


def test_a_damaged_segment_is_named(writers):
    with writers.open() as log:
        log.append(made(0, 2))
        log.append(made(2, 4))
    events = writers.folder / "events"
    second = segments(writers)[1]
    content = events.read(second.name)
    content[30] ^= 1
    events.write(second.name, [content])
    with pytest.raises(UserError, match="continues the checksum") as error:
        read(writers)
    assert second.name in error.value.where
    events.delete(segments(writers)[0].name)
    with pytest.raises(UserError, match="leave no line out"):
        read(writers)


def test_a_store_that_fails_fails_the_append_and_nothing_is_done(writers, monkeypatch, tmp_path):
    path = writers.machine()
    with writers.open(path) as log:
        log.append(made(0, 2))
        before = path.read_bytes()

        def away(folder, name, pieces):
            raise UserError(where="store", law="it answers", found="nothing", remedy="Wait.")

        with monkeypatch.context() as patch:
            patch.setattr(type(writers.folder), "write", away)
            with pytest.raises(UserError, match="it answers"):
                log.append(made(2, 3))
        assert path.read_bytes() == before
        log.append(made(2, 3))
    assert read(writers) == as_one_file(tmp_path, made(0, 3))
