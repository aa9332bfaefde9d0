"""Where a local cluster keeps its files."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from orchestrator.adapters import environment
from orchestrator.adapters.environment import RAY_BELOW, _scratch
from orchestrator.errors import UserError


@pytest.mark.parametrize(
    ("length", "is_short"), [(107 - RAY_BELOW, True), (108 - RAY_BELOW, False)]
)
def test_sockets_fit_whatever_the_temporary_directory(monkeypatch, length, is_short):
    base = Path(tempfile.mkdtemp(dir="/tmp", prefix="m"))
    wanted = Path(f"/tmp/{'m' * (length - len('/tmp/'))}")
    base.rename(wanted)
    monkeypatch.setattr(tempfile, "tempdir", str(wanted))
    made = _scratch()
    try:
        assert made.is_dir()
        assert (made.parent == wanted) is is_short
        assert len(str(made.parent)) <= 107 - RAY_BELOW
    finally:
        made.rmdir()
        wanted.rmdir()


@pytest.mark.ray
def test_a_cluster_that_cannot_start_is_told_with_a_remedy(monkeypatch, tmp_path):
    deep = tmp_path / ("d" * 120)  # its sockets' paths do not fit
    deep.mkdir()
    monkeypatch.setattr(environment, "_scratch", lambda: deep)
    with (
        pytest.raises(UserError, match="a local Ray cluster starts, but"),
        environment.ray_cluster(address=None, num_cpus=1, object_store_bytes=80_000_000),
    ):
        pytest.fail("a cluster that cannot start was entered")
    assert not deep.exists()


LITTERS = """
import gc, threading, time
import ray
from orchestrator.adapters.environment import ray_cluster

def litter(references):  # what other threads of a driver may do while the main one leaves
    gc.set_threshold(10)
    while references:
        cycle = [references.pop()]
        cycle.append(cycle)
        time.sleep(0.0003)

with ray_cluster(address=None, num_cpus=1, object_store_bytes=80_000_000):
    references = [ray.put(number) for number in range(4000)]
    thread = threading.Thread(target=litter, args=(references,))
    del references
    thread.start()
thread.join()
print("left", gc.isenabled())
"""


@pytest.mark.ray
def test_garbage_of_other_threads_does_not_end_a_process_that_leaves_its_cluster():
    ended = subprocess.run(
        [sys.executable, "-c", LITTERS], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "left True\n"), ended.stderr


def handed_on(*, own_cluster):
    from ray.tune.execution import class_cache

    with environment.variables_of_actors(own_cluster=own_cluster):
        remote = class_cache._ActorClassCache().get(type("Trainable", (), {}))
    return remote._default_options["runtime_env"].get("env_vars", {})


def test_tune_hands_no_credentials_to_actors_by_what_ray_logs(monkeypatch):
    """By private lists of Tune's: if they go, Tune may hand them on in another way."""
    from ray.tune.execution import class_cache

    known = set(class_cache.ENV_VARS_TO_PROPAGATE)
    for name in known:
        monkeypatch.setenv(name, "1")
    handed = handed_on(own_cluster=False)
    assert {"PL_DISABLE_FORK", "RAY_CHDIR_TO_TRIAL_DIR"} <= handed.keys()
    assert not [name for name in handed if name.startswith("AWS_")]
    assert handed_on(own_cluster=True) == {}
    assert handed_on(own_cluster=False) == handed
    assert known == class_cache.ENV_VARS_TO_PROPAGATE
