"""How the processes of a member meet: a store at rank 0, then one process group."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from trainers.distributed.ranks import Ranks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainers.settings import Device

PATIENCE_SECONDS = 600
"""Longest that a rank waits for another in one collective; it then raises."""
_SIOCGIFADDR = 0x8915


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """Where the ranks of one member meet."""

    host: str
    """Address of rank 0's machine."""
    port: int
    size: int


def call_meeting(host: str, size: int) -> tuple[Meeting, TCPStore]:
    """Open the store that the ranks meet at, on a fresh port of one address of this machine.

    Args:
        host: the address; nothing listens on the others.
        size: ranks that will come.
    """
    with socket.create_server((host, 0)) as listener:
        port = listener.getsockname()[1]
        store = TCPStore(
            host,
            port,
            world_size=size,
            is_master=True,
            wait_for_workers=False,
            timeout=timedelta(seconds=PATIENCE_SECONDS),
            master_listen_fd=os.dup(listener.fileno()),
        )
    return Meeting(host=host, port=port, size=size), store


def check_free() -> None:
    """See that this process may join a group.

    Raises:
        ValueError: It is in one.
    """
    if dist.is_initialized():
        raise ValueError(
            "A process belongs to one process group at a time, but this one has joined another. "
            "Leave that first."
        )


@contextlib.contextmanager
def joined(
    meeting: Meeting,
    rank: int,
    *,
    device: Device,
    address: str,
    store: TCPStore | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Iterator[Ranks]:
    """Be one rank of a member; all ranks enter before any does anything.

    Args:
        meeting: where the ranks meet.
        rank: of this process.
        device: what members train on: gloo joins CPUs, NCCL the current CUDA devices.
        address: of this machine, as the others reach it.
        store: rank 0's own.
        patience_seconds: longest wait for another rank in one collective.

    Raises:
        ValueError: this process is in a group already.
    """
    check_free()
    timeout = timedelta(seconds=patience_seconds)
    if store is None:
        store = TCPStore(meeting.host, meeting.port, world_size=meeting.size, timeout=timeout)
    with _listening_at(address):
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo",
            store=store,
            rank=rank,
            world_size=meeting.size,
            timeout=timeout,
        )
        try:
            yield Ranks(rank, meeting.size)
        finally:
            dist.destroy_process_group()


@contextlib.contextmanager
def _listening_at(address: str) -> Iterator[None]:
    """Tell gloo and NCCL the interface to listen at, unless the user has."""
    interface = interface_of(address)
    names = [n for n in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME") if n not in os.environ]
    if interface is not None:
        os.environ.update(dict.fromkeys(names, interface))
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)


def interface_of(address: str) -> str | None:
    """Return the network interface that has an IPv4 address, if one is found."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(any_socket.fileno(), _SIOCGIFADDR, request)
            except OSError:
                continue  # it has none
            if socket.inet_ntoa(answer[20:24]) == address:
                return name
    return None
