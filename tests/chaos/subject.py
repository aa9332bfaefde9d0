"""The search that is disturbed: the process of its driver, and its log as it grows."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.event_log import LOG_NAME
from tests.chaos import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLOSED = b'"event":"generation_closed"'
_REPORTED = b'"event":"reported"'
POLL_SECONDS = 0.1
_WORDS = 1500
_DRIVER = Path(clock.__file__)
"""`masga`, with a clock that can be set."""


class Subject:
    """One search, run by `masga` as a user runs it.

    Args:
        run_file: Of the search; its name is `chaos`.
        output: Directory of searches, or its URI.
        place: Of the search in it.
        directory: Where its log grows: the same place, or the working copy of a URI.
        environment: Of the driver.
        scratch: Where the driver's words go.
    """

    def __init__(
        self,
        run_file: Path,
        output: Path | str,
        *,
        place: Path | str,
        directory: Path,
        environment: Mapping[str, str],
        scratch: Path,
    ) -> None:
        self.directory = directory
        self.place = place
        self._output = output
        self.environment = dict(environment)
        self._run_file = run_file
        self._scratch = scratch
        self._process: subprocess.Popen[bytes] | None = None
        self._lives = 0

    @property
    def log(self) -> Path:
        """The event log."""
        return self.directory / LOG_NAME

    @property
    def returncode(self) -> int | None:
        """Of the driver's present life; none: it runs."""
        assert self._process is not None
        return self._process.poll()

    def start(self) -> None:
        """Begin the search."""
        self._run("search", self._run_file, "--output", self._output)

    def resume(self) -> None:
        """Go on with it, by the command that a user gives."""
        self._run("resume", self.place)

    def kill(self) -> None:
        """End the driver by SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def wait(self, *, seconds: float) -> int:
        """Wait for the driver's end; return its exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def pid(self) -> int:
        """Return the driver's process number."""
        assert self._process is not None
        return self._process.pid

    def words(self) -> str:
        """Return what the driver's present life has told on standard error, and its traceback."""
        told = (self._scratch / f"driver-{self._lives}.err").read_text(errors="replace")
        traces = sorted(self.directory.glob("masga-error-*"), key=lambda p: p.stat().st_mtime)
        text = "\n".join([told, *(path.read_text(errors="replace") for path in traces[-1:])])
        return text[-_WORDS:]

    def _run(self, *arguments: object) -> None:
        self._lives += 1
        with (
            (self._scratch / f"driver-{self._lives}.out").open("wb") as out,
            (self._scratch / f"driver-{self._lives}.err").open("wb") as err,
        ):
            self._process = subprocess.Popen(
                [sys.executable, str(_DRIVER), *map(str, arguments)],
                cwd=self._scratch,
                env=self.environment,
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def close(self) -> None:
        """End the driver, whatever it does."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def content(self) -> bytes:
        """Return the log's bytes; none before it begins."""
        try:
            return self.log.read_bytes()
        except FileNotFoundError:
            return b""

    def lines(self) -> int:
        """Count the events of the log."""
        return self.content().count(b"\n")

    def closed(self) -> int:
        """Count the generations that have closed."""
        return self.content().count(_CLOSED)

    def reported_since_closing(self) -> int:
        """Count the reports of the generation that is in progress."""
        content = self.content()
        return content.count(_REPORTED, max(0, content.rfind(_CLOSED)))

    def await_lines(self, number: int, *, seconds: float) -> bool:
        """Wait until the log has so many lines; return whether it has while the driver runs."""
        end = time.monotonic() + seconds
        while self.lines() < number:
            if self.returncode is not None or time.monotonic() > end:
                return False
            time.sleep(POLL_SECONDS)
        return self.returncode is None
