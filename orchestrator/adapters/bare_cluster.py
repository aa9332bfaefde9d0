"""What a cluster of our own does without: all that serves Ray's dashboard and its autoscaler.

Nobody looks at that dashboard, and such a cluster never grows. Yet `ray.init` starts a server for
it and waits (`include_dashboard=False` leaves out only its pages), a log monitor, an autoscaler,
and, where `ray[default]` is installed, an agent with fixed ports, for which a second cluster on the
machine waits in vain for seconds. No option declines these, so functions of Ray's are replaced
while the cluster starts; where one is gone in another version, it does not, and a test says so.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.replacing import replaced

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def bare() -> Iterator[None]:
    """Let a cluster that is started inside be a GCS, a raylet, its two agents and workers."""
    from ray._private import parameter, services, utils  # noqa: PLC0415 - slow

    lean = functools.partial(parameter.RayParams, no_monitor=True, include_log_monitor=False)
    with (
        replaced(parameter, "RayParams", lean),
        replaced(services, "start_api_server", _no_server),
        # The agent then is what it is where only `ray[tune]` is installed, and opens no ports.
        replaced(utils, "get_dashboard_dependency_error", _not_wanted),
    ):
        yield


def _no_server(*_: Any, **__: Any) -> tuple[str, None]:
    """Return what Ray makes of a server without pages: no address; and of none: no process."""
    return "", None


def _not_wanted() -> ImportError:
    return ImportError("a cluster of our own has no dashboard")
