"""Serves the report of a search while it runs: made again when the log has grown."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME
from orchestrator.report.making import subject_of, write_text
from orchestrator.report.page import with_script
from orchestrator.report.search_report import search_report
from orchestrator.storage.working_copy import refresh

if TYPE_CHECKING:
    from pathlib import Path

LOOK_SECONDS = 2.0
"""Between two looks at the log's size."""
REST = 4.0
"""How many times as long as it takes to make a page the machine is left alone afterwards."""
SCRIPT = (
    "setInterval(async () => { try { const answer = await fetch('version');"
    " if (!answer.ok) return; const now = await answer.text();"
    " if (window.made && window.made !== now) location.reload(); window.made = now; }"
    " catch { document.title = '(not served any more) ' +"
    " document.title.replace('(not served any more) ', ''); } }, 3000);"
)
"""Loads the page again when there is a newer one, and not before: open parts stay open."""


@dataclass(frozen=True, slots=True)
class Edition:
    """A page as it is served."""

    text: bytes
    version: str
    log_bytes: int
    """Length of the log that it was made from."""


class Editions:
    """The newest page of a search; `refresh` makes another one if the log has grown.

    Args:
        directory: Of the search.
        commands: The subcommands of `masga` that exist.
        output: A file to write each page to, too; None: none.
    """

    def __init__(self, directory: Path, *, commands: frozenset[str], output: Path | None) -> None:
        self._directory, self._commands, self._output = directory, commands, output
        self.newest = self._make()

    def refresh(self) -> bool:
        """Make a new page if there is more to tell; return whether there was."""
        if self._length() == self.newest.log_bytes:
            return False
        self.newest = self._make()
        return True

    def _make(self) -> Edition:
        length = self._length()
        subject = subject_of(self._directory, commands=self._commands)
        plain = search_report(subject)
        if self._output is not None:
            write_text(plain, self._output)
        text = with_script(plain, SCRIPT)
        version = hashlib.sha256(text.encode()).hexdigest()[:16]
        return Edition(text=text.encode(), version=version, log_bytes=length)

    def _length(self) -> int:
        refresh(self._directory)
        path = self._directory / LOG_NAME
        return path.stat().st_size if path.exists() else 0


def serve(
    directory: Path, *, commands: frozenset[str], host: str, port: int, output: Path | None
) -> None:
    """Serve the report until interrupted.

    Args:
        directory: Of the search.
        commands: The subcommands of `masga` that exist.
        host: Address to serve at.
        port: 0: a free one.
        output: A file to write each page to, too; None: none.

    Raises:
        UserError: No search is there, or the address cannot be served at.
        KeyboardInterrupt: Ctrl-C, the way to end it.
    """
    editions = Editions(directory, commands=commands, output=output)
    server = _bound(host, port, editions)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(editions, ended), name="report")
    watcher.start()
    try:
        shown = f"[{host}]" if ":" in host else host
        print(f"report: http://{shown}:{server.server_address[1]}/  (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    finally:
        ended.set()
        server.server_close()
        watcher.join()


def _bound(host: str, port: int, editions: Editions) -> ThreadingHTTPServer:
    class Answers(_Answers):
        newest = editions

    try:
        server = ThreadingHTTPServer((host, port), Answers)
    except (OSError, OverflowError) as error:
        raise UserError(
            where=f"--host {host} --port {port}",
            law="the report is served at an address of this machine and a free port",
            found=str(error).removeprefix("[Errno 98] "),
            remedy="Give another port, or --port 0 for any that is free.",
        ) from None
    server.daemon_threads = True
    return server


def _watch(editions: Editions, ended: threading.Event) -> None:
    """Look at the log again and again; a page that cannot be made is told once and tried again."""
    pause, told = LOOK_SECONDS, ""
    while not ended.wait(pause):
        begun = time.monotonic()
        try:
            editions.refresh()
        except (UserError, OSError) as error:
            if str(error) != told:
                told = str(error)
                print(f"masga: the page was not made again: {told}", flush=True)
        pause = max(LOOK_SECONDS, REST * (time.monotonic() - begun))


class _Answers(BaseHTTPRequestHandler):
    """Answers GET / with the page and GET /version with its digest; nothing else is served."""

    newest: Editions
    server_version = "masga"
    sys_version = ""

    def do_HEAD(self) -> None:
        """Answer without the content."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer."""
        edition = self.newest.newest
        match self.path.partition("?")[0]:
            case "/":
                self._answer(edition.text, "text/html; charset=utf-8")
            case "/version":
                self._answer(edition.version.encode(), "text/plain")
            case _:
                self.send_error(HTTPStatus.NOT_FOUND)

    def _answer(self, content: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing: what is asked for is no news."""
