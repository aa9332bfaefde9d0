"""The log gives back what was written, drops what a crash tore, and notices everything else."""

import errno
import os
import pickle
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import UserError
from orchestrator.event_log import EventLog, is_being_written, read_log
from orchestrator.events import GenerationClosed, Ledger, Ordered, Reported, Scored
from orchestrator.logged_events import DamagedLogError

EVENTS = [
    Ordered(
        member=0,
        generation=0,
        decision="start",
        genome={"architecture": {"num_heads": [1, 2]}, "protocol": {"learning_rate": 0.1 + 0.2}},
        digest="0123456789ab",
        tokens=128,
    ),
    Ordered(
        member=1,
        generation=3,
        decision="replace",
        genome={},
        digest="0123456789ab",
        donor=2,
        proposer="mutation",
        source=(2, 2),
        tokens=128,
    ),
    Reported(
        member=0,
        generation=0,
        digest="0123456789ab",
        parameters=10,
        ledger=Ledger(tokens=128, flops=1e9, inherited_tokens=64, inherited_flops=5e8),
        interval_tokens=128,
        interval_flops=1e9,
        train_loss=5.5,
        losses=(5.25, 5.5),
        nats_per_token=5.375,
        bits_per_byte=7.75,
        failure=None,
        morph=None,
        utilities={"heads": [[0.1]]},
        seconds=1.5,
        adoption_seconds=0.01,
        cpu_seconds=0.0,
        finished_at=0.0,
        worker=0,
        origin="fresh",
    ),
    Scored(member=0, generation=0, fitness=-5.375, parts={"loss_present": 5.375}),
    GenerationClosed(
        generation=0,
        best_member=0,
        best_loss=5.375,
        best_fitness=-5.375,
        tokens=128,
        flops=1e9,
    ),
]


def written(path, events=EVENTS):
    with EventLog(path) as log:
        log.append(events)
    return path


def test_reading_gives_what_was_written(tmp_path):
    path = written(tmp_path / "events.jsonl")
    events, _, length = read_log(path)
    assert events == EVENTS
    assert length == path.stat().st_size


def test_reopening_continues_numbers_and_checksums(tmp_path):
    path = tmp_path / "events.jsonl"
    for event in EVENTS:
        written(path, [event])
    assert path.read_bytes() == written(tmp_path / "at_once.jsonl").read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_a_log_cut_anywhere_keeps_its_whole_lines(tmp_path, data):
    content = (
        written(tmp_path / "whole.jsonl").read_bytes()
        if not list(tmp_path.iterdir())
        else (tmp_path / "whole.jsonl").read_bytes()
    )
    cut = data.draw(st.integers(0, len(content) - 1))
    path = tmp_path / "cut.jsonl"
    path.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    assert read_log(path)[0] == EVENTS[:whole]
    with EventLog(path) as log:
        log.append(EVENTS[whole:])
    assert path.read_bytes() == content


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_a_changed_byte_is_noticed(tmp_path, data):
    path = tmp_path / "whole.jsonl"
    if not path.exists():
        written(path)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 2))  # the last newline gone is a torn line
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    changed = tmp_path / "changed.jsonl"
    changed.write_bytes(content)
    with pytest.raises(UserError, match="line") as error:
        read_log(changed)
    assert "head -n" in error.value.remedy


@pytest.mark.parametrize("edit", ["drop", "swap", "double"])
def test_lines_that_moved_are_noticed(tmp_path, edit):
    path = written(tmp_path / "events.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    match edit:
        case "drop":
            del lines[1]
        case "swap":
            lines[1], lines[2] = lines[2], lines[1]
        case "double":
            lines.insert(1, lines[1])
    path.write_bytes(b"".join(lines))
    with pytest.raises(UserError, match=r"line [23]"):
        read_log(path)


def test_only_one_process_writes(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path), pytest.raises(UserError, match="one process writes a search"):
        EventLog(path)


def test_a_full_disk_leaves_the_log_whole(tmp_path, monkeypatch):
    path = written(tmp_path / "events.jsonl", EVENTS[:2])
    before = path.read_bytes()
    with EventLog(path) as log:
        real = os.write

        def write_some_then_fail(file, content):
            real(file, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", write_some_then_fail)
            with pytest.raises(UserError, match="no space left"):
                log.append(EVENTS[2:])
        assert path.read_bytes() == before
        log.append(EVENTS[2:])
    assert read_log(path)[0] == EVENTS


def test_numbers_that_json_lacks_are_refused(tmp_path):
    bad = Scored(member=0, generation=0, fitness=float("nan"), parts={})
    with EventLog(tmp_path / "events.jsonl") as log:
        with pytest.raises(ValueError, match="not JSON compliant"):
            log.append([bad])
        assert (tmp_path / "events.jsonl").read_bytes() == b""


def test_a_missing_log_is_the_users_to_mend(tmp_path):
    with pytest.raises(UserError, match="keeps its events here"):
        read_log(tmp_path / "events.jsonl")


def test_what_stands_before_the_damage_is_kept_with_the_error(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.append(EVENTS)
    lines = path.read_bytes().splitlines(keepends=True)
    for at in range(len(lines)):
        path.write_bytes(
            b"".join([*lines[:at], lines[at].replace(b":", b";", 1), *lines[at + 1 :]])
        )
        with pytest.raises(DamagedLogError) as caught:
            read_log(path)
        assert caught.value.whole == tuple(EVENTS[:at])
        assert f"line {at + 1}" in str(caught.value)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.whole, str(again)) == (caught.value.whole, str(caught.value))


def test_a_log_is_being_written_as_long_as_its_writer_has_it_open(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path):
        assert is_being_written(path)
    assert not is_being_written(path)


def test_a_name_that_is_no_text_is_read_as_it_was_written(tmp_path):
    """Python gives a file name's undecodable bytes as half surrogate pairs."""
    odd = replace(EVENTS[0], proposer=b"caf\xe9.py:Mine".decode("utf-8", "surrogateescape"))
    assert read_log(written(tmp_path / "events.jsonl", [odd, *EVENTS]))[0] == [odd, *EVENTS]
