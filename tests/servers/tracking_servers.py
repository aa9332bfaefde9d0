"""Real tracking servers of MLflow on loopback, and PostgreSQL for their stores."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

ADMIN, PASSWORD = "keeper", "correct-horse-battery-71"
_SERVER_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "for-the-cookies-of-tests",
    "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
    "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
}
_START_SECONDS = 240
_NOBODY = 65534


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TrackingServer:
    """`mlflow server` on loopback; can be killed and started again on the same store.

    Args:
        place: Directory of its artifacts, its log, its users.
        store: URI of its database.
        asks: Whether it asks for credentials: `credentials` are the only ones it knows.
    """

    def __init__(self, place, store, *, asks):
        self.place, self.store, self.asks = place, store, asks
        self.uri = f"http://127.0.0.1:{free_port()}"
        self.process = None
        self.credentials = (
            {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": PASSWORD}
            if asks
            else {}
        )

    def start(self):
        port = self.uri.rpartition(":")[2]
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port,
            "--workers", "1", "--artifacts-destination", str(self.place / "artifacts"),
        ]  # fmt: skip
        more = {"MLFLOW_BACKEND_STORE_URI": self.store}
        if self.asks:
            command += ["--app-name", "basic-auth"]
            users = self.place / "users.ini"
            users.write_text(
                "[mlflow]\ndefault_permission = READ\n"
                f"database_uri = sqlite:///{self.place / 'users.db'}\n"
                "auth_cache_ttl_seconds = 600\n"  # a password is hashed once, not at each call
            )
            more["MLFLOW_AUTH_CONFIG_PATH"] = str(users)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
        with (self.place / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env={**inherited, **_SERVER_SETTINGS, **more},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
                return self
            assert self.process.poll() is None, (self.place / "server.log").read_text()
            time.sleep(0.2)
        raise TimeoutError((self.place / "server.log").read_text())

    def kill(self):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def tracking_server(tmp_path_factory):
    """Start a tracking server on a store: a SQLite file of its own if none is named."""
    servers = []

    def start(store=None, *, asks=False):
        place = tmp_path_factory.mktemp("server")
        server = TrackingServer(place, store or f"sqlite:///{place / 'mlflow.db'}", asks=asks)
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.kill()


def _postgres_program(name):
    found = shutil.which(name)
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found or (str(installed[-1]) if installed else None)


@pytest.fixture(scope="session")
def postgres():
    """The URI of an empty database of a PostgreSQL server on loopback, with its password."""
    programs = [_postgres_program(name) for name in ("initdb", "postgres")]
    if None in programs:
        pytest.skip("no PostgreSQL server is installed (Debian: postgresql)")
    # PostgreSQL does not run as root, and whoever it runs as must reach its directory
    account = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    place = Path(tempfile.mkdtemp(prefix="mp-"))
    try:
        if account:
            os.chown(place, _NOBODY, _NOBODY)
        (place / "password").write_text(PASSWORD)
        (place / "password").chmod(0o644)
        subprocess.run(
            [
                programs[0], "--pgdata", place / "data", "--username", "mlflow",
                "--auth", "scram-sha-256", "--pwfile", place / "password",
                "--encoding", "UTF8", "--no-locale", "--no-sync",
            ],
            check=True, capture_output=True, cwd=place, **account,
        )  # fmt: skip
        port = free_port()
        log = (place / "log").open("wb")
        server = subprocess.Popen(
            [
                programs[1], "-D", place / "data", "-c", f"port={port}",
                "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={place}",
                "-c", "fsync=off",
            ],
            stdout=log, stderr=log, cwd=place, start_new_session=True, **account,
        )  # fmt: skip
        try:
            until = time.monotonic() + _START_SECONDS
            while b"ready to accept connections" not in (place / "log").read_bytes():
                assert server.poll() is None, (place / "log").read_text()
                assert time.monotonic() < until, (place / "log").read_text()
                time.sleep(0.1)
            yield f"postgresql+pg8000://mlflow:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown: its children go first
            server.wait(60)
            log.close()
    finally:
        shutil.rmtree(place, ignore_errors=True)
