"""The services of the compose file, run as they are written: their hosts are loopback here."""

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
import yaml

from orchestrator.adapters.mlflow.observer import tracking_uri
from orchestrator.adapters.mlflow.sync import sync
from orchestrator.run_config import MlflowConfig

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process, log):
    while True:  # bounded by the test's own timeout
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        assert process.poll() is None, log.read_text()
        time.sleep(0.2)


@pytest.fixture
def store(tmp_path):
    """A store of S3's protocol in the place of the compose file's; gives its port."""
    pytest.importorskip("moto", reason="moto[server] is not installed")
    port, log = free_port(), tmp_path / "store.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=output, stderr=output, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/moto-api/", process, log)
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def services(pytestconfig, postgres, store, tmp_path):
    """The services, with fresh secrets, the hosts of this test, and files of its own directory."""
    docker = pytestconfig.rootpath / "docker"
    made = subprocess.run(
        [docker / "new_secrets.sh"], capture_output=True, text=True, check=True
    ).stdout
    secrets = dict(line.split("=", 1) for line in made.splitlines())
    users = tmp_path / "mlflow_users.ini"
    ini = (docker / "mlflow_users.ini").read_text()
    users.write_text(ini.replace("/var/lib/mlflow", str(tmp_path)))
    port = str(free_port())
    text = (  # the file's own words first: what takes their place may hold any digits
        (docker / "compose.yaml")
        .read_text()
        .replace("5000", port)
        .replace("store:7070", f"127.0.0.1:{store}")
        .replace("--host 0.0.0.0", "--host 127.0.0.1")
        .replace("http://mlflow:", "http://127.0.0.1:")
        .replace("/etc/masga/mlflow_users.ini", str(users))
    )
    text = re.sub(r"postgresql\+pg8000:.*", postgres, text)
    text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: secrets[found[1]], text)
    return yaml.safe_load(text)["services"], port


def environment_of(service):
    here = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "AWS_"))}
    path = f"{os.path.dirname(sys.executable)}:{here['PATH']}"  # noqa: PTH120
    return {**here, "PATH": path, **service["environment"]}


def test_searches_reach_mlflow_its_database_and_the_store_with_what_the_cluster_gives_them(
    services, tale, search_in, tmp_path, monkeypatch
):
    services, port = services
    for _ in range(2):  # a second start finds the bucket that the first one made
        made = subprocess.run(
            services["bucket"]["command"], env=environment_of(services["bucket"]),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
    log = tmp_path / "mlflow.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *shlex.split(services["mlflow"]["command"])], env=environment_of(services["mlflow"]),
            stdout=output, stderr=output, cwd=tmp_path, start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, log)
        uri = services["head"]["environment"]["MLFLOW_TRACKING_URI"]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{uri}/api/2.0/mlflow/experiments/search?max_results=1")
        for name, value in services["head"]["environment"].items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")  # other tests share the cores
        directory = search_in(tmp_path / "tale", tale)
        found = tracking_uri(MlflowConfig(), directory)
        assert found == uri
        sync(directory, tracking_uri=found, experiment="masga", register_model=None)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    import boto3

    kept = boto3.client("s3").list_objects_v2(Bucket="masga", Prefix="mlflow/")["Contents"]
    assert any(item["Key"].endswith("/events.jsonl") for item in kept)
