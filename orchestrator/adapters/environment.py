"""How we start Ray: quiet, on loopback, without statistics, and with a clear word if it fails."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.adapters.bare_cluster import bare
from orchestrator.adapters.exposure import is_open, on_loopback, warn_if_open
from orchestrator.adapters.lifeline import Lifeline
from orchestrator.adapters.replacing import replaced
from orchestrator.credentials import is_secret
from orchestrator.errors import Clause, UserError
from orchestrator.garbage import uncollected

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRATCH = "masga-ray-"
"""Prefix of the directories of clusters that we start: then the driver's process number."""
RAY_BELOW = len(
    "/masga-ray-4194304-abcdefgh/session_2026-11-22_07-03-22_380753_4194304/sockets/plasma_store"
)
"""Bytes of the longest path below the directory for temporary files."""
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the event log replaces Tune's loggers
    "TUNE_DISABLE_AUTO_CALLBACK_SYNCER": "1",
    "TUNE_DISABLE_AUTO_INIT": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours: the log makes any moment a good one
    "TUNE_WARN_THRESHOLD_S": "10",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
}


@contextlib.contextmanager
def ray_cluster(
    *, address: str | None, num_cpus: int | None, object_store_bytes: int | None
) -> Iterator[Lifeline]:
    """Join the cluster at an address, or start one here and end it afterwards.

    Returns:
        What sees to it that this process ends should it be cut off from the cluster.

    Raises:
        UserError: Nobody answers at the address, or none can be started here.
    """
    os.environ.update({k: v for k, v in _SETTINGS.items() if k not in os.environ})
    import ray  # noqa: PLC0415 - slow, and only a search needs it

    lifeline = Lifeline()
    if ray.is_initialized():
        try:
            yield lifeline
        finally:
            lifeline.leave()
        return
    directory: Path | None = None
    try:
        if address is not None:
            _knock(address)
            try:
                with (
                    _our_sigterm(),
                    on_loopback() if _is_private(address) else contextlib.nullcontext(),
                ):
                    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, ImportError, RuntimeError, ValueError) as error:
                raise _no_answer(address, str(error).splitlines()[0]) from error
            warn_if_open(address if "://" in address else ray.get_runtime_context().gcs_address)
        else:
            directory = _scratch()
            try:
                with _our_sigterm(), on_loopback(), bare():
                    ray.init(
                        address="local",
                        num_cpus=num_cpus,
                        include_dashboard=False,
                        object_store_memory=object_store_bytes,
                        log_to_driver=False,
                        logging_level=logging.ERROR,
                        _temp_dir=str(directory),
                    )
            except Exception as error:  # a busy machine is told of by a bare one
                raise _no_start(error) from error
        yield lifeline
    finally:
        with uncollected():  # a reference that another thread drops meanwhile ends the process
            ray.shutdown()
        lifeline.leave()
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def variables_of_actors(*, own_cluster: bool) -> Iterator[None]:
    """Choose the variables that Tune puts into its actors' runtime environments.

    No credentials, which Ray would log and show: workers have those of the node that they run on.
    In a cluster of our own none at all: it has our environment already, and Ray's workers that
    wait for an actor serve none that asks for another one.
    """
    from ray.tune.execution import class_cache  # noqa: PLC0415 - slow

    always, known = class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE
    harmless = {name for name in known if not is_secret(name)}
    with (
        replaced(class_cache, "DEFAULT_ENV_VARS", {} if own_cluster else always),
        replaced(class_cache, "ENV_VARS_TO_PROPAGATE", set() if own_cluster else harmless),
    ):
        yield


@contextlib.contextmanager
def _our_sigterm() -> Iterator[None]:
    """Keep the handler of SIGTERM if there is one: Ray's exits on the spot, without a word."""
    ours = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and ours != signal.SIG_DFL:
            signal.signal(signal.SIGTERM, ours)


def _scratch() -> Path:
    """Make a directory for a cluster of our own, and remove those of searches that are dead.

    Ray puts sockets below it whose paths must fit into 107 bytes: where the directory for
    temporary files lies too deep for that, /tmp serves.
    """
    base = Path(tempfile.gettempdir())
    if len(os.fsencode(base)) > 107 - RAY_BELOW:
        base = Path("/tmp")  # noqa: S108 - mkdtemp makes it ours alone
    _sweep(base)
    return Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-", dir=base))


def _sweep(directory: Path) -> None:
    """Remove what searches that were killed could not remove themselves."""
    for scratch in directory.glob(f"{SCRATCH}*-*"):
        owner = scratch.name.removeprefix(SCRATCH).split("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(scratch, ignore_errors=True)


def _knock(address: str) -> None:
    """See within seconds whether anybody listens: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto" or not port.isdigit():
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5):
            return
    except OSError as error:
        raise _no_answer(address, error.strerror or str(error)) from error


def _is_private(address: str) -> bool:
    """Return whether a cluster listens on loopback alone, where Ray would not look for it.

    Ray takes a loopback address for this machine's own one, by which others reach it.
    """
    host, _, port = address.rpartition(":")
    if address == "auto" or is_open(address) or "://" in address or not port.isdigit():
        return False
    import ray  # noqa: PLC0415 - slow

    own = str(ray.util.get_node_ip_address())
    try:
        with socket.create_connection((own, int(port)), timeout=5):
            return False
    except OSError:
        return own != host


def _no_start(error: Exception) -> UserError:
    return UserError(
        where="Ray on this machine",
        law="a local Ray cluster starts",
        found=Clause((str(error).splitlines() or [type(error).__name__])[0].rstrip(".")),
        remedy="Ray needs loopback, free ports and room in /dev/shm and in the directory for "
        "temporary files (TMPDIR); lower resources.object_store if shared memory is short.",
    )


def _no_answer(address: str, found: str) -> UserError:
    return UserError(
        where=f"resources.address = {address}",
        law="a Ray cluster answers at this address",
        found=found,
        remedy="Start one ('ray start --head'), correct the address, or leave it out to run here."
        " Where one does answer, it may ask for another token than ~/.ray/auth_token, or for none"
        " (RAY_AUTH_MODE=disabled).",
    )
