"""Events of a log that is open: the same as those that are read, whichever are asked for."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator import logged_events
from orchestrator.event_log import EventLog, read_log, to_line
from orchestrator.events import GenerationClosed
from orchestrator.journal import Journal
from orchestrator.logged_events import DamagedLogError, last_line


def closing(generation):
    return GenerationClosed(
        generation=generation, best_member=None, best_loss=None, best_fitness=None, tokens=7,
        flops=0.5,
    )  # fmt: skip


EVENTS = [closing(number) for number in range(23)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(logged_events, "BLOCK_BYTES", 100)  # less than a line
    monkeypatch.setattr(logged_events, "BLOCK_LINES", 4)


@pytest.fixture(name="path")
def make_path(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.append(EVENTS)
    return path


PLACES = st.none() | st.integers(-30, 30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(start=PLACES, stop=PLACES)
def test_slices_are_those_of_the_list(path, start, stop):
    with EventLog(path) as log:
        assert log.events[start:stop] == tuple(EVENTS[start:stop])


def test_they_are_a_sequence(path):
    with EventLog(path) as log:
        assert len(log.events) == len(EVENTS)
        assert list(log.events) == list(log.events) == EVENTS == read_log(path)[0]
        assert [log.events[at] for at in range(-23, 23)] == EVENTS * 2
        for at in (23, -24):
            with pytest.raises(IndexError):
                log.events[at]


def test_an_empty_log_has_none(tmp_path):
    with EventLog(tmp_path / "events.jsonl") as log:
        assert not log.events
        assert list(log.events) == []
        assert log.checksum_before(0) == 0


def test_checksums_are_those_of_the_lines_before(path):
    sums, checksum = [0], 0
    for number, event in enumerate(EVENTS):
        _, checksum = to_line(event, number=number, previous_sum=checksum)
        sums.append(checksum)
    with EventLog(path) as log:
        assert [log.checksum_before(number) for number in range(24)] == sums
        assert log.checksum_before(24) is None
        log.append([closing(23), closing(24)])
        assert log.checksum_before(24) is None  # within what was written since
        assert log.checksum_before(25) not in {None, *sums}


def test_they_can_be_read_when_the_log_is_closed(path):
    with EventLog(path) as log:
        apart = log.events.read_apart(3, 20)
        log.append([closing(23)])
    assert list(apart) == EVENTS[3:20]


@pytest.mark.parametrize("forged", ["number", "kind", "field", "json"])
def test_a_forged_line_is_noticed_when_it_is_decoded(tmp_path, forged):
    """Its checksum fits: whoever made it knew how."""
    lines, checksum = [], 0
    for number, event in enumerate(EVENTS):
        before = checksum
        line, checksum = to_line(event, number=number, previous_sum=before)
        if number == 9:
            body = line.rpartition(b',"sum"')[0] + b"}"
            body = {
                "number": body.replace(b'"n":9', b'"n":8'),
                "kind": body.replace(b"generation_closed", b"generation_opened"),
                "field": body.replace(b'"tokens":7', b'"tokens":"7"'),
                "json": body.replace(b'"tokens":7', b'"tokens":seven'),
            }[forged]
            checksum = logged_events.zlib.crc32(body, before)
            line = body[:-1] + f',"sum":"{checksum:08x}"}}\n'.encode()
        lines.append(line)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(lines))
    with EventLog(path) as log:
        assert log.events[:9] == tuple(EVENTS[:9])
        assert log.events[10:] == tuple(EVENTS[10:])
        with pytest.raises(DamagedLogError, match="line 10") as caught:
            log.events[9]
        assert caught.value.whole == tuple(EVENTS[:9])
    with pytest.raises(DamagedLogError, match="line 10"):
        read_log(path)


def test_the_last_line_is_found_whatever_is_torn_off_behind_it(path, monkeypatch):
    monkeypatch.setattr(logged_events, "_TAIL_BYTES", 16)
    lines = path.read_bytes().splitlines(keepends=True)
    for torn in (b"", b"{", b'{"n":23,"event":"gene'):
        path.write_bytes(b"".join(lines) + torn)
        assert last_line(path) == (lines[-1], len(b"".join(lines)))
    path.write_bytes(b"")
    assert last_line(path) == (b"", 0)


def test_a_journal_passes_over_what_is_known(path):
    told, past = [], []
    with EventLog(path) as log:
        for on_past in (None, lambda events, number: past.append((number, list(events)))):
            told.clear()
            journal = Journal(log, lambda *event: told.append(event), on_past=on_past)
            journal.record(EVENTS[:2])
            journal.pass_over(9)
            assert journal.number == 9
            assert journal.ahead() == tuple(EVENTS[9:])
            assert journal.record([EVENTS[9]]) == (EVENTS[9],)
            assert journal.ahead() == tuple(EVENTS[10:])
            if on_past is None:
                assert told == [(event, n, True) for n, event in enumerate(EVENTS[:10])]
        assert told == [(event, n, True) for n, event in enumerate(EVENTS[:10]) if n < 2 or n == 9]
    assert past == [(2, EVENTS[2:9])]
