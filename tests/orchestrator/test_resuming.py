"""Whether a log says that its search is over, asked of its last line alone."""

import json

import pytest

from orchestrator.resuming import seems_finished


@pytest.fixture
def log(tmp_path, simulation, rules):
    """The log of a search that has finished."""
    path = tmp_path / "events.jsonl"
    simulation(path, rules(members=2, generations=2)).run()
    return path


def test_a_search_has_finished_when_its_last_line_says_so(log):
    assert seems_finished(log)


def test_a_search_has_not_finished_wherever_it_was_cut(log):
    whole = log.read_bytes()
    lines = whole.splitlines(keepends=True)
    ends = [sum(map(len, lines[:count])) for count in range(len(lines))]
    last = len(whole) - 1  # without its line break the last line is torn
    for end in [*ends, ends[-1] + 1, last]:
        log.write_bytes(whole[:end])
        assert not seems_finished(log), end


def test_what_no_search_wrote_has_not_finished(log):
    for line in [
        b"",
        b"\n",
        b"\n\n",
        b"[]",
        b'"search_finished"',
        b'{"event":[]}',
        b"\xff{",
        b"{}",
    ]:
        log.write_bytes(line + b"\n")
        assert not seems_finished(log), line
    log.write_text(json.dumps({"event": "another"}) + "\n")
    assert not seems_finished(log)
    log.unlink()
    assert not seems_finished(log)
