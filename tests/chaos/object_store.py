"""An object store of S3's protocol on loopback, which may answer 503 for a while."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from orchestrator.event_log import LOG_NAME
from orchestrator.storage.restoring import restore
from orchestrator.storage.store import Store
from tests.chaos.machines import free_port
from tests.servers.object_store_server import CREDENTIALS, Weather

if TYPE_CHECKING:
    from pathlib import Path

_BUCKET = "chaos"
_CHECKPOINTS = "checkpoints"


class ObjectStore:
    """A server (moto) behind one that passes requests on, or refuses them.

    Its credentials are put into this process's environment: start it before what inherits them.
    """

    def __init__(self) -> None:
        os.environ.update(CREDENTIALS)
        port = free_port()
        self._process = subprocess.Popen(
            [
                sys.executable, "-W", "ignore", "-m", "moto.server",
                "-H", "127.0.0.1", "-p", str(port),
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._make_bucket(port)
        self.weather = Weather(port)
        threading.Thread(target=self.weather.serve_forever, daemon=True).start()

    def _make_bucket(self, port: int) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/{_BUCKET}",
            method="PUT",
            headers={"Authorization": "AWS nobody:nothing"},
        )
        end = time.monotonic() + 180
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60):
                    return
            except (urllib.error.URLError, OSError) as error:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"moto's server does not answer: {error}") from error
                time.sleep(0.2)

    def uri(self, name: str) -> str:
        """Return the URI of a folder."""
        query = f"scheme=http&endpoint_override=127.0.0.1:{self.weather.port}"
        return f"s3://{_BUCKET}/{name}?{query}"

    def bring(self, name: str, directory: Path) -> None:
        """Copy the log and the checkpoints of a search into a directory."""
        store = Store.open(self.uri(name), where="the chaos test")
        (directory / _CHECKPOINTS).mkdir(parents=True)
        restore(store / "events", directory / LOG_NAME)
        for checkpoint in (store / _CHECKPOINTS).folders():
            folder = store / _CHECKPOINTS / checkpoint
            (directory / _CHECKPOINTS / checkpoint).mkdir()
            for entry in folder.entries():
                content = folder.read(entry.name)
                (directory / _CHECKPOINTS / checkpoint / entry.name).write_bytes(content)

    def close(self) -> None:
        """End both servers."""
        self.weather.shutdown()
        self.weather.server_close()
        self._process.kill()
        self._process.wait()
