"""An MLflow server that can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import psutil

from tests.chaos.machines import free_port

if TYPE_CHECKING:
    from pathlib import Path


class Tracking:
    """A server on loopback whose store is a SQLite file.

    Args:
        scratch: Where the store and the server's words go.
    """

    def __init__(self, scratch: Path) -> None:
        self.store = scratch / "tracking.db"
        self._scratch = scratch
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def uri(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start the server on what its store holds; return when it answers."""
        with (self._scratch / "mlflow.out").open("ab") as out:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1",
                    "--port", str(self._port), "--workers", "1",
                    "--backend-store-uri", f"sqlite:///{self.store}",
                    "--artifacts-destination", str(self._scratch / "artifacts"),
                ],
                cwd=self._scratch,
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + 180
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self._scratch / "mlflow.out").read_text()[-2000:])
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """End the server and its workers by SIGKILL."""
        assert self._process is not None
        family = psutil.Process(self._process.pid).children(recursive=True)
        for process in (*family, self._process):
            process.kill()
        self._process.wait()
        psutil.wait_procs(family, timeout=10)

    def close(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
