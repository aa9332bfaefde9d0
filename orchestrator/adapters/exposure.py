"""Who can reach Ray: a cluster of our own listens on loopback alone; of others' we say so.

Whoever reaches the ports of a Ray cluster can run code on it as the user that runs it, unless
Ray's token authentication is on.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOG = logging.getLogger("masga")
_CLUSTERS = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Where a node cannot be of a cluster, Ray binds to loopback: on macOS and Windows always, and
wherever this is 0. (`ray.init(_node_ip_address="127.0.0.1")` is turned into a reachable address.)
"""


@contextlib.contextmanager
def on_loopback() -> Iterator[None]:
    """Let a cluster that is started inside listen on loopback only."""
    from ray._private import ray_constants  # noqa: PLC0415 - slow

    before, constant = os.environ.get(_CLUSTERS), ray_constants.ENABLE_RAY_CLUSTER
    os.environ[_CLUSTERS] = "0"  # for the processes that are started
    ray_constants.ENABLE_RAY_CLUSTER = False  # for this one, which has imported it already
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = constant
        if before is None:
            del os.environ[_CLUSTERS]
        else:
            os.environ[_CLUSTERS] = before


def is_open(address: str) -> bool:
    """Return whether others than this machine may reach an address.

    >>> is_open("http://127.0.0.1:8265"), is_open("[::1]:6379"), is_open("10.0.0.5:6379")
    (False, False, True)
    """
    host = address.rpartition("://")[2].partition("/")[0]
    host = host.rpartition(":")[0] or host
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host != "localhost"


def asks_for_tokens() -> bool:
    """Return whether Ray's token authentication is on for this process's clusters."""
    from ray._private.authentication.authentication_utils import (  # noqa: PLC0415 - slow
        is_token_auth_enabled,
    )

    return bool(is_token_auth_enabled())


def warn_if_open(address: str) -> None:
    """Say what an open port of Ray means, where there is one."""
    if is_open(address) and not asks_for_tokens():
        _LOG.warning(
            "Ray at %s runs the code of anybody who reaches its ports, as the user who started it: "
            "keep them inside a network that you trust, or start it with RAY_AUTH_MODE=token "
            "(docs/cluster.md).",
            address,
        )
