"""A search that goes on from a snapshot goes on as one that decides all of its log again."""

import json
import logging
import zlib
from dataclasses import replace

import pytest
from pydantic_core import from_json, to_json

from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.events import GenerationClosed
from orchestrator.snapshots.folder import SnapshotFolder
from orchestrator.snapshots.kept import Snapshot
from orchestrator.snapshots.reading import kept_of
from orchestrator.snapshots.rows import made_rows
from orchestrator.snapshots.writing import rows_of
from tests.orchestrator.kinds_of_searches import (
    EVERYTHING,
    NOTHING,
    SEARCHES,
    made,
    proposing,
    some_fail,
    state_of,
)
from trainers.folder import LocalFolder

ALWAYS, NEVER = 1, 1_000_000


def options_of(name):
    return {"order": 3, "fails": some_fail if "failing" in name else lambda task: False}


def begun(simulation, rules, name, directory, *, reports):
    """Run a search for some reports, keeping its state whenever that is allowed."""
    directory.mkdir()
    side = simulation(directory / LOG_NAME, made(rules, name), every=ALWAYS, **options_of(name))
    side.run(stop_after=reports)
    return sorted(path.name for path in (directory / "snapshots").glob("*"))


@pytest.mark.parametrize("name", SEARCHES)
def test_going_on_from_a_snapshot_is_deciding_all_again(tmp_path, simulation, rules, name):
    whole = simulation(tmp_path / LOG_NAME, made(rules, name), **options_of(name)).run()
    passed_over = followed = 0
    for reports in range(1, 40, 4):
        directory = tmp_path / f"{reports}"
        assert 1 <= len(begun(simulation, rules, name, directory, reports=reports)) <= 2
        sides = []
        for decided_again, every in ((NOTHING, NEVER), (EVERYTHING, None)):
            side = simulation(
                directory / LOG_NAME,
                made(rules, name),
                decided_again=decided_again,
                every=every,
                **options_of(name),
            )
            side.run(stop_after=0)
            sides.append(side)
        restored, decider = sides
        assert state_of(restored.search) == state_of(decider.search)
        assert {t.name: t for t in restored.open_tasks} == {t.name: t for t in decider.open_tasks}
        assert restored.told == decider.told
        assert restored.departures == decider.departures == decider.passed_over == 0
        passed_over += restored.passed_over > 0
        followed += restored.followed > restored.passed_over > 0
    assert passed_over >= 8
    assert followed or "asynchronous" not in name
    last = simulation(directory / LOG_NAME, made(rules, name), decided_again=NOTHING, every=NEVER,
                      **options_of(name))  # fmt: skip
    if last.rules.mode == "synchronous":  # whose course does not depend on who is first
        assert last.run() == whole
        assert last.passed_over


def test_the_newest_events_are_decided_again_nevertheless(tmp_path, simulation, rules):
    names = begun(simulation, rules, "synchronous", tmp_path / "a", reports=20)
    older, newer = (int(name.removesuffix(".json")) for name in names)
    log = tmp_path / "a" / LOG_NAME
    logged = log.read_bytes().count(b"\n")
    for decided_again, expected in (
        (0, newer),
        (logged - newer, newer),
        (logged - newer + 1, older),
        (logged - older, older),
        (logged - older + 1, 0),
    ):
        side = simulation(log, made(rules, "synchronous"), decided_again=decided_again, every=NEVER)
        side.run(stop_after=0)
        assert side.passed_over == max(0, expected - side.rules.members)


def test_lives_share_their_histories(tmp_path, simulation, rules):
    side = simulation(tmp_path / LOG_NAME, made(rules, "with a front's price"))
    side.run(stop_after=30)
    shared = simulation(tmp_path / "b.jsonl", made(rules, "synchronous"))
    shared.run(stop_after=30)
    for search in (side.search, shared.search):
        kept = search._state.kept()
        rows = rows_of(kept)
        assert kept_of(made_rows(from_json(to_json(rows)))) == kept
        points = [p for record in kept.records for p in record.outcome.life.curve]
        assert len(rows.points) == len({id(point) for point in points})
    assert len(rows.points) < len(points)
    assert side.search._state.kept().progress.prices.in_force > 0


def resumed(simulation, rules, directory, *, name="synchronous"):
    side = simulation(
        directory / LOG_NAME, made(rules, name), decided_again=NOTHING, every=NEVER,
        **options_of(name),
    )  # fmt: skip
    side.run(stop_after=0)
    return side


def sealed(path, body):
    header = json.loads(path.read_bytes().partition(b"\n")[0])
    header["sum"] = f"{zlib.crc32(body):08x}"
    path.write_bytes(json.dumps(header).encode() + b"\n" + body)


def changed(path, **changes):
    body = path.read_bytes().partition(b"\n")[2]
    sealed(path, json.dumps({**json.loads(body), **changes}).encode())


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


OF_NO_USE = {
    "a byte flipped": flipped,
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "of another log": lambda path: path.write_bytes(
        path.read_bytes().replace(b'"log": "', b'"log": "0', 1)
    ),
    "of another format": lambda path: path.write_bytes(
        path.read_bytes().replace(b'"format": 1', b'"format": 0', 1)
    ),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "no rows": lambda path: sealed(path, b"[]"),
    "a row before itself": lambda path: changed(
        path, points=[[0, 1, [1.0], 1.0, 1.0, 0.0, 0.0, None]]
    ),
    "a life that is not there": lambda path: changed(path, lives=[]),
    "no such genome": lambda path: changed(path, genomes=[{}]),
    "fewer members": lambda path: changed(
        path, members=json.loads(path.read_bytes().partition(b"\n")[2])["members"][1:]
    ),
}


@pytest.mark.parametrize("damage", OF_NO_USE)
def test_a_snapshot_that_does_not_fit_is_as_good_as_none(
    tmp_path, simulation, rules, damage, caplog
):
    names = begun(simulation, rules, "synchronous", tmp_path / "a", reports=20)
    expected = resumed(simulation, rules, tmp_path / "a")
    assert expected.passed_over
    for name in names:
        OF_NO_USE[damage](tmp_path / "a" / "snapshots" / name)
    with caplog.at_level(logging.WARNING, logger="masga"):
        side = resumed(simulation, rules, tmp_path / "a")
    assert side.passed_over == 0
    assert state_of(side.search) == state_of(expected.search)
    assert side.told == expected.told
    if damage != "a directory":  # which is no file of the folder
        assert all(any(name in told for told in caplog.messages) for name in names)


FORGED = {
    "no makers": {"makers": []},
    "memories of nobody": {"proposers": {}},
    "a memory of another kind": {"proposers": {"mutation": [], "crossover": None, "random": None}},
    "a memory where there is none": {
        "proposers": {"mutation": {"scale": 0.1, "pending": []}, "crossover": 3, "random": None}
    },
    "a scale of nothing": {
        "proposers": {"mutation": {"scale": 0, "pending": []}, "crossover": None, "random": None}
    },
}


@pytest.mark.parametrize("name", FORGED)
def test_a_state_of_another_search_is_refused(tmp_path, simulation, rules, name):
    """Its seal fits: somebody forged it, or has another version of a proposer of his own."""
    for kept in begun(simulation, rules, "synchronous", tmp_path / "a", reports=20):
        changed(tmp_path / "a" / "snapshots" / kept, **FORGED[name])
    with pytest.raises(UserError, match="Delete the snapshots beside the log"):
        resumed(simulation, rules, tmp_path / "a")


def test_the_log_of_another_course_has_no_use_for_them(tmp_path, simulation, rules):
    begun(simulation, rules, "synchronous", tmp_path / "a", reports=20)
    log = tmp_path / "a" / LOG_NAME
    with EventLog(log) as written:
        events = list(written.events)
    at = next(n for n, event in enumerate(events) if isinstance(event, GenerationClosed))
    log.unlink()
    with EventLog(log) as written:
        written.append([*events[:at], replace(events[at], flops=1.0), *events[at + 1 :]])
    assert resumed(simulation, rules, tmp_path / "a").passed_over == 0
    log.unlink()
    with EventLog(log) as written:  # cut before them all
        written.append(events[:10])
    assert resumed(simulation, rules, tmp_path / "a").passed_over == 0


def test_searches_that_cannot_be_followed_keep_none(tmp_path, simulation, rules):
    found = rules(members=4, generations=4)
    found = replace(found, proposers=proposing(found.space, "mutation", "optuna"))
    simulation(tmp_path / LOG_NAME, found, every=ALWAYS).run()
    assert not (tmp_path / "snapshots").exists()


class FullDisk(LocalFolder):
    def write(self, name, pieces):
        raise OSError(28, "No space left on device")


def test_one_that_cannot_be_kept_is_warned_about_and_not_tried_each_time(
    tmp_path, simulation, rules, caplog
):
    side = simulation(tmp_path / LOG_NAME, rules())
    side.run(stop_after=20)
    with EventLog(tmp_path / LOG_NAME) as log:
        snapshots = SnapshotFolder(FullDisk(tmp_path / "snapshots"), log, every=ALWAYS)
        number = len(log.events)
        assert snapshots.is_due(number)
        with caplog.at_level(logging.WARNING, logger="masga"):
            snapshots.keep(Snapshot(events=number, kept=side.search._state.kept()))
        assert not snapshots.is_due(number)
    (told,) = caplog.messages
    assert "No space left on device" in told
    assert "will take longer" in told


def test_what_a_crash_left_half_written_goes_and_other_files_stay(tmp_path, simulation, rules):
    folder = tmp_path / "a" / "snapshots"
    names = begun(simulation, rules, "synchronous", tmp_path / "a", reports=8)
    assert 1 <= len(names) <= 2
    for name in (".000000000020.json.0123abcd", "999999999999.json", "notes.json", "12.json"):
        (folder / name).write_text("{}")
    side = simulation(tmp_path / "a" / LOG_NAME, made(rules, "synchronous"), every=ALWAYS,
                      **options_of("synchronous"))  # fmt: skip
    side.run(stop_after=20)
    found = {path.name for path in folder.iterdir()}
    assert {"notes.json", "12.json"} < found
    assert len(found) == 4
    assert not found & {*names, "999999999999.json"}


def test_they_are_due_after_as_many_events_as_they_have_rows(tmp_path, simulation, rules):
    side = simulation(tmp_path / LOG_NAME, rules())
    side.run(stop_after=20)
    kept = side.search._state.kept()
    rows = len(rows_of(kept))
    assert rows > 20
    with EventLog(tmp_path / LOG_NAME) as log:
        number = len(log.events)
        for every, expected in ((5, rows), (1000, 1000)):
            snapshots = SnapshotFolder(LocalFolder(tmp_path / f"{every}"), log, every=every)
            assert [snapshots.is_due(n) for n in (every - 1, every)] == [False, True]
            snapshots.keep(Snapshot(events=number, kept=kept))
            due = [snapshots.is_due(number + n) for n in (expected - 1, expected)]
            assert due == [False, True]
            again = SnapshotFolder(LocalFolder(tmp_path / f"{every}"), log, every=every)
            assert again.newest(most=number - 1) is None
            assert again.newest(most=number).kept == kept
            assert [again.is_due(number + n) for n in (expected - 1, expected)] == due
