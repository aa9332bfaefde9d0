"""A cluster of our own is reached from this machine alone and is small; of open ones users are told."""

import json
import subprocess
import sys

import psutil
import pytest

from orchestrator.adapters import exposure

FAMILY = """
import json, psutil, ray
from orchestrator.adapters.environment import ray_cluster
with ray_cluster(address=None, num_cpus=1, object_store_bytes=80_000_000):
    @ray.remote
    class Actor:
        def port_opened(self):
            return True
    assert ray.get(Actor.remote().port_opened.remote())
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    sockets, commands = [], []
    for process in family:
        try:
            commands.append(" ".join(process.cmdline()))
            sockets += [(c.laddr.ip, c.status) for c in process.net_connections(kind="inet")]
        except psutil.Error:  # it has just ended
            continue
    listening = [ip for ip, status in sockets if status in {"LISTEN", "NONE"}]
    print(json.dumps({"listening": listening, "commands": commands}))
"""


@pytest.fixture(scope="module")
def family():
    """What the processes of a cluster of our own are, and where they listen."""
    result = subprocess.run(
        [sys.executable, "-c", FAMILY], capture_output=True, text=True, check=False, timeout=240
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.ray
def test_a_cluster_of_our_own_listens_on_loopback_alone(family):
    listening = family["listening"]
    assert len(listening) >= 4  # of the GCS, the raylet, the driver, the actor
    assert {ip.removeprefix("::ffff:") for ip in listening} <= {"127.0.0.1", "::1"}


@pytest.mark.ray
def test_a_cluster_of_our_own_has_nothing_that_serves_a_dashboard(family):
    """By private functions of Ray's: if they go, so do quick starts."""
    told = "\n".join(family["commands"])
    assert "gcs_server" in told
    assert "raylet" in told
    for served in ("dashboard.py", "log_monitor.py", "monitor.py"):
        assert served not in told


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("127.0.0.1:6379", False),
        ("localhost:6379", False),
        ("ray://localhost:10001", False),
        ("[::1]:6379", False),
        ("http://127.0.0.1:8265", False),
        ("10.0.0.5:6379", True),
        ("http://head:8265", True),
        ("[2001:db8::1]:6379", True),
    ],
)
def test_whether_others_reach_an_address(monkeypatch, caplog, address, is_open):
    assert exposure.is_open(address) is is_open
    for asks in (True, False):
        caplog.clear()
        monkeypatch.setattr(exposure, "asks_for_tokens", lambda asks=asks: asks)
        exposure.warn_if_open(address)
        assert ("runs the code of anybody" in caplog.text) is (is_open and not asks)


def test_ray_tells_whether_it_asks_for_tokens():
    ask = "from orchestrator.adapters.exposure import asks_for_tokens; print(asks_for_tokens())"
    environment = {**psutil.Process().environ(), "RAY_AUTH_MODE": "disabled"}
    result = subprocess.run(
        [sys.executable, "-c", ask],
        env=environment, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert result.stdout.strip() == "False"
