"""The driver's watch over a running course: progress, silent workers, nodes that come and go."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.nodes import read_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.adapters.course import Course
    from orchestrator.adapters.mailbox import MailboxStatus
    from orchestrator.adapters.nodes import Nodes
    from orchestrator.observers import Audience
    from orchestrator.run_config import ResourcesConfig

_LOG = logging.getLogger("masga")
LOOK_SECONDS = 0.5
"""Between two looks at the mailbox."""
NODES_SECONDS = 2.0
"""Between two looks at the nodes."""
LONELY_SECONDS = 15.0
"""Without any worker for so long, the user is told what is waited for."""


class Attendance:
    """Looks again and again, tells the mailbox which nodes live, and the user what is amiss.

    Args:
        mailbox: Handle of the mailbox actor.
        course: Told when the mailbox was lost.
        audience: Told of the members' progress.
        resources: What a worker needs.
    """

    def __init__(
        self, *, mailbox: Any, course: Course, audience: Audience, resources: ResourcesConfig
    ) -> None:
        self._mailbox = mailbox
        self._course = course
        self._audience = audience
        self._resources = resources
        self._silent: frozenset[int] = frozenset()
        self._draining: frozenset[str] = frozenset()
        self._birth, self._trouble = "", ""
        self._nodes: Nodes | None = None
        self._nodes_due = 0.0
        self._seen = time.monotonic()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look in a thread of its own while the body runs."""
        import ray  # noqa: PLC0415 - slow

        done = threading.Event()

        def look() -> None:
            while not (done.wait(LOOK_SECONDS) or self._course.is_cut_off):
                try:
                    self.look()
                except ray.exceptions.RayError:  # the mailbox begins again, or the cluster is slow
                    continue
                except Exception as error:  # noqa: BLE001 - without the watch nothing would move
                    self._tell_of_trouble(error)

        thread = threading.Thread(target=look, name="attendance", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def look(self) -> None:
        """Look once at the mailbox, and if it is time at the nodes."""
        import ray  # noqa: PLC0415

        status: MailboxStatus = ray.get(self._mailbox.status.remote(), timeout=5)
        self._course.meet(status.birth)
        self._audience.on_progress(status.progress)
        self._tell_of_silence(status.silent)
        now = time.monotonic()
        if now >= self._nodes_due or status.birth != self._birth:
            self._nodes_due, self._birth = now + NODES_SECONDS, status.birth
            self.look_at_nodes()
        if status.workers or self._resources.address is None:  # one of our own has room
            self._seen = now
        elif now - self._seen > LONELY_SECONDS:
            self._seen = now + 3 * LONELY_SECONDS  # not again for a minute
            self._tell_of_loneliness()

    def look_at_nodes(self) -> None:
        """Tell the mailbox which nodes live and which are about to go."""
        import ray  # noqa: PLC0415

        nodes = read_nodes()
        for node in sorted(nodes.draining - self._draining):
            _LOG.warning(
                "Node %s is about to be taken away: its workers finish what they have in hand and "
                "begin again where there is room.",
                node[:12],
            )
        self._nodes, self._draining = nodes, nodes.draining
        ray.get(self._mailbox.attend.remote(nodes.living, nodes.draining), timeout=5)

    def _tell_of_trouble(self, error: Exception) -> None:
        told = f"{type(error).__name__}: {error}"
        if told != self._trouble:
            _LOG.warning("Looking at the cluster failed; it is tried again. %s", told)
        self._trouble = told

    def _tell_of_silence(self, silent: frozenset[int]) -> None:
        for worker in sorted(silent - self._silent):
            _LOG.warning(
                "Nothing was heard of worker %d for %g seconds (resources.stall_seconds): its tasks"
                " go to others. If it comes back, it gets new ones.",
                worker,
                self._resources.stall_seconds,
            )
        self._silent = silent

    def _tell_of_loneliness(self) -> None:
        room = {} if self._nodes is None else self._nodes.room
        needed = f"{self._resources.cpus_per_worker:g} CPUs"
        if self._resources.gpus_per_worker:
            needed += f" and {self._resources.gpus_per_worker:g} GPUs"
        _LOG.warning(
            "No worker has come yet, or all have gone: waiting for a node with room for one (%s). "
            "The cluster's nodes have %g CPUs and %g GPUs, those in use included. "
            "Ctrl-C leaves a search that resumes.",
            needed,
            room.get("CPU", 0.0),
            room.get("GPU", 0.0),
        )
