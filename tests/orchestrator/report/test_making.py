"""From a directory to a page: whole logs, damaged, empty and growing ones; served or written."""

import threading
import urllib.error
import urllib.request

import pytest

from orchestrator import cli
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.report import making, serving
from orchestrator.report.making import subject_of, write_report, write_text

COMMANDS = frozenset({"search"})


@pytest.fixture
def directory(tmp_path, tale):
    with EventLog(tmp_path / LOG_NAME) as log:
        log.append(tale)
    return tmp_path


@pytest.fixture
def quick(monkeypatch):
    """A page that says how much it was made from: drawing takes seconds."""

    def page(subject):
        orders, closed = len(subject.story.orders), len(subject.story.closings)
        return f"<body>{subject.state} {orders} {closed} {subject.damage}</body>"

    monkeypatch.setattr(making, "search_report", page)
    monkeypatch.setattr(serving, "search_report", page)


def damage(directory, line):
    path = directory / LOG_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b'"generation":', b'"generatiom":')
    path.write_bytes(b"".join(lines))


def test_the_command_writes_a_page_that_says_what_the_log_says(directory, capsys):
    assert cli.main(["report", str(directory)]) == 0
    page = directory / "report.html"
    assert capsys.readouterr().out == f"report: {page}\n"
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "4.2000" in text  # the winner's held-out bits per byte
    assert "masga certify" not in text or "certify" in cli.command_names()
    assert page.stat().st_mode & 0o444 == 0o444


def test_a_damaged_log_is_told_up_to_its_damage(directory, quick, capsys):
    damage(directory, 15)
    assert cli.main(["report", str(directory)]) == 0
    assert "line 15" in capsys.readouterr().out
    text = (directory / "report.html").read_text()
    assert text.startswith("<body>stopped 4 1 ")
    assert "line 15" in text


def test_a_search_that_is_being_written_is_running(directory):
    path = directory / LOG_NAME
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert subject_of(directory, commands=COMMANDS).state == "stopped"
    with EventLog(path):
        assert subject_of(directory, commands=COMMANDS).state == "running"


@pytest.mark.parametrize("content", [None, b"", b"torn", b'{"n":0}\n'])
def test_nothing_to_report_exits_with_2_and_leaves_nothing(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / LOG_NAME).write_bytes(content)
    assert cli.main(["report", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"masga: {tmp_path}")
    assert "masga search RUN.yaml" in told
    assert not (tmp_path / "report.html").exists()


def test_a_place_that_cannot_be_written_exits_with_2(directory, quick, capsys):
    assert cli.main(["report", str(directory), "--output", str(directory / "no" / "r.html")]) == 2
    assert "must be writable" in capsys.readouterr().err


def test_a_page_is_written_whole_or_not_at_all(directory):
    target = directory / "report.html"
    write_text("before", target)
    with pytest.raises(UnicodeEncodeError):
        write_text("\ud800", target)
    assert target.read_text() == "before"
    assert {p.name for p in directory.iterdir()} == {LOG_NAME, "report.html"}


def test_the_output_may_be_elsewhere(directory, quick, tmp_path_factory):
    target = tmp_path_factory.mktemp("elsewhere") / "page.html"
    write_report(subject_of(directory, commands=COMMANDS), target)
    assert target.read_text() == "<body>finished 7 3 None</body>"


def test_where_to_serve_needs_something_to_serve(directory, capsys):
    for where in (["--port", "0"], ["--host", "127.0.0.1"]):
        assert cli.main(["report", str(directory), *where]) == 2
        assert "Add --watch" in capsys.readouterr().err
    assert not (directory / "report.html").exists()


# --- watch ---


@pytest.fixture
def served(directory, quick, monkeypatch):
    """The report as `--watch` serves it; the address, and its editions."""
    editions = serving.Editions(directory, commands=COMMANDS, output=None)
    server = serving._bound("127.0.0.1", 0, editions)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", editions
    server.shutdown()
    thread.join()
    server.server_close()


def got(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode()


def test_a_page_is_served_and_nothing_else(served):
    address, editions = served
    assert "finished 7 3" in got(address)
    assert serving.SCRIPT in got(f"{address}/?again")
    assert got(f"{address}/version") == editions.newest.version
    for path in ("/events.jsonl", "/../events.jsonl", "//etc/passwd"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            got(address + path)


def test_a_page_is_made_again_when_the_log_has_grown_and_only_then(directory, tale, quick):
    path = directory / LOG_NAME
    path.unlink()
    output = directory / "page.html"
    with EventLog(path) as log:
        log.append(tale[:8])
        editions = serving.Editions(directory, commands=COMMANDS, output=output)
        first = editions.newest
        assert not editions.refresh()
        assert editions.newest is first
        log.append(tale[8:])
        assert editions.refresh()
    assert editions.newest.version != first.version
    assert "finished 7 3" in editions.newest.text.decode()
    assert output.read_text() == "<body>finished 7 3 None</body>"


def test_a_page_that_cannot_be_made_again_leaves_the_last_one(
    directory, quick, capsys, monkeypatch
):
    editions = serving.Editions(directory, commands=COMMANDS, output=None)
    last = editions.newest
    (directory / LOG_NAME).write_bytes(b"")
    monkeypatch.setattr(serving, "LOOK_SECONDS", 0.01)
    ended = threading.Event()
    watcher = threading.Thread(target=serving._watch, args=(editions, ended))
    watcher.start()
    while "not made again" not in capsys.readouterr().out:
        assert watcher.is_alive()
    ended.set()
    watcher.join()
    assert editions.newest is last


def test_a_port_that_is_taken_is_the_users_to_mend(served, directory):
    port = served[0].rpartition(":")[2]
    for wanted in (int(port), 70_000):
        with pytest.raises(UserError, match="--port 0"):
            serving.serve(directory, commands=COMMANDS, host="127.0.0.1", port=wanted, output=None)


def test_ctrl_c_ends_the_watch(directory, quick, monkeypatch, capsys):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(serving.ThreadingHTTPServer, "serve_forever", interrupted)
    assert cli.main(["report", str(directory), "--watch"]) == 130
    assert "http://127.0.0.1:" in capsys.readouterr().out
    assert not any(t.name == "report" and t.is_alive() for t in threading.enumerate())
