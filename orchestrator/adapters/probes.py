"""Whether Ray and MLflow work here, tried in a process of their own that may hang or die."""

from __future__ import annotations

import subprocess
import sys

from orchestrator.adapters.environment import ray_cluster

_PATIENCE_SECONDS = 90


def ray_cluster_starts() -> str | None:
    """Start and end a local cluster; return what went wrong, or None."""
    return _tried("ray")


def mlflow_store_opens() -> str | None:
    """Make a SQLite store in a temporary directory; return what went wrong, or None."""
    return _tried("mlflow")


def _tried(name: str) -> str | None:
    command = [sys.executable, "-m", "orchestrator.adapters.probes", name]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PATIENCE_SECONDS} s"
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


def _try_ray() -> None:
    import ray  # noqa: PLC0415 - seconds

    with ray_cluster(address=None, num_cpus=1, object_store_bytes=80_000_000):
        assert ray.is_initialized()


def _try_mlflow() -> None:
    import tempfile  # noqa: PLC0415 - with its user

    from orchestrator.adapters.mlflow.client import open_client  # noqa: PLC0415 - seconds

    with tempfile.TemporaryDirectory() as directory:
        open_client(f"sqlite:///{directory}/mlflow.db").search_experiments()


if __name__ == "__main__":
    {"ray": _try_ray, "mlflow": _try_mlflow}[sys.argv[1]]()
