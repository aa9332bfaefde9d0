"""What a driver hangs on: the raylet of its own node, and the cluster's memory, the GCS.

Ray tells a driver nothing when the raylet of its node has died: it waits for its answers for ever,
also when the machine is back, which then is another node. So the driver holds a connection to the
raylet, which the kernel closes with it, and knocks at the GCS now and then.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.adapters.nodes import read_nodes, this_node
from orchestrator.errors import Clause, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOG = logging.getLogger("masga")

LOOK_SECONDS = 5.0
"""Between two looks at the GCS; the raylet's end is seen at once."""
END_SECONDS = 30.0
"""A driver whose raylet has died has so long to leave Ray; then its process is ended."""
END_WITHOUT_GCS_SECONDS = 5.0
"""As above, without a GCS, for which Ray's own ending waits."""
EXIT_CODE = 2
"""As of every error that is the user's to mend."""
_KNOCK_SECONDS = 2.0
_RECONNECT: Final = "gcs_rpc_server_reconnect_timeout_s"
_RAYS_RECONNECT_SECONDS = 60.0
_BEFORE_RAY_SECONDS = 10.0
"""Ray ends a driver whose GCS stays away, without a word of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """What must live for the driver to be answered."""

    raylet: str
    """Path of the socket of the node's raylet."""
    gcs: tuple[str, int]
    """Host and port."""
    patience_seconds: float
    """The GCS may be away for so long."""
    is_dead: Callable[[], bool]
    """Whether the GCS, which answers, takes the driver's node for dead: it never lives again."""


def ties_of_this_driver() -> Ties:
    """Ask Ray, which this process has joined."""
    import ray  # noqa: PLC0415 - slow
    from ray._private.state import state  # noqa: PLC0415 - the settings of the head are told nowhere else

    own = this_node()
    (node,) = (node for node in ray.nodes() if node["NodeID"] == own)
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    away = state.get_system_config().get(_RECONNECT) or os.environ.get(f"RAY_{_RECONNECT}")
    seconds = _RAYS_RECONNECT_SECONDS if away is None else float(away)
    return Ties(
        raylet=node["RayletSocketName"],
        gcs=(host.strip("[]"), int(port)),
        patience_seconds=max(seconds - _BEFORE_RAY_SECONDS, seconds / 2),
        is_dead=lambda: own not in read_nodes().living,
    )


class Lifeline:
    """Sees when a driver was cut off from its cluster, and that its process then ends."""

    def __init__(self) -> None:
        self._watchdog: threading.Timer | None = None
        self._lock = threading.Lock()
        self._has_left = False

    @contextlib.contextmanager
    def watched(
        self, ties: Ties, *, cut_off: Callable[[UserError], None], again: str
    ) -> Iterator[None]:
        """Watch the ties in a thread of its own while the body runs.

        Args:
            ties: Of this driver.
            cut_off: Told once, when nothing will be answered any more; the process then ends some
                seconds later, unless `leave` was called.
            again: The command that goes on.
        """
        woken, wake = socket.socketpair()

        def look() -> None:
            broken = _first_that_breaks(ties, woken)
            if broken is not None:
                error = _cut_off(broken.found, again)
                self._set_watchdog(error, broken.end_seconds)
                cut_off(error)

        thread = threading.Thread(target=look, name="lifeline", daemon=True)
        thread.start()
        try:
            yield
        finally:
            wake.close()
            thread.join()
            woken.close()

    def leave(self) -> None:
        """Say that Ray was left: the process needs no watchdog to end."""
        with self._lock:
            self._has_left = True
            if self._watchdog is not None:
                self._watchdog.cancel()

    def _set_watchdog(self, error: UserError, seconds: float) -> None:
        with self._lock:
            self._watchdog = threading.Timer(seconds, self._end, (error,))
            self._watchdog.daemon = True
            self._watchdog.start()

    def _end(self, error: UserError) -> None:
        """End the process, whatever waits in it: its log is safe after every line."""
        with self._lock:
            if not self._has_left:
                _LOG.error("masga: %s", error)
                os._exit(EXIT_CODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Broken:
    """A tie that is no more."""

    found: str
    end_seconds: float
    """The process has to end."""


def _first_that_breaks(ties: Ties, woken: socket.socket) -> _Broken | None:
    """Wait for a tie to break; return what happened, or none when woken first."""
    with (
        socket.socket(socket.AF_UNIX) as raylet,
        selectors.DefaultSelector() as selector,
    ):
        try:
            raylet.connect(ties.raylet)
        except OSError as error:
            return _of_raylet(f"the node's raylet does not answer ({error.strerror})")
        selector.register(raylet, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        heard = time.monotonic()
        while True:
            left = heard + ties.patience_seconds - time.monotonic()
            ready = {key.fileobj for key, _ in selector.select(min(LOOK_SECONDS, max(left, 0)))}
            if woken in ready:
                return None
            if raylet in ready and _has_ended(raylet):
                return _of_raylet("the node's raylet has ended")
            if _answers(ties.gcs):
                heard = time.monotonic()
                if _counts_as_dead(ties):
                    return _of_raylet("the cluster has given the node up for dead")
            elif time.monotonic() - heard >= ties.patience_seconds:
                address = ":".join(map(str, ties.gcs))
                away = (
                    f"the GCS at {address} has not answered for {ties.patience_seconds:g} seconds"
                )
                return _Broken(found=away, end_seconds=END_WITHOUT_GCS_SECONDS)


def _of_raylet(found: str) -> _Broken:
    return _Broken(found=found, end_seconds=END_SECONDS)


def _counts_as_dead(ties: Ties) -> bool:
    try:
        return ties.is_dead()
    except Exception:  # noqa: BLE001 - Ray names no error; who asks the same, attendance, tells of it
        return False


def _has_ended(peer: socket.socket) -> bool:
    try:
        return not peer.recv(4096)
    except OSError:
        return True


def _answers(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=_KNOCK_SECONDS):
            return True
    except OSError:
        return False


def _cut_off(found: str, again: str) -> UserError:
    return UserError(
        where="driver",
        law="the Ray node that it runs on lives, and the head of the cluster",
        found=Clause(found),
        remedy=f"Nothing that was done is lost; go on once Ray can be reached: {again}",
    )
