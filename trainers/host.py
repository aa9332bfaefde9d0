"""What a process that trains on a CPU must settle once: threads and the allocator."""

from __future__ import annotations

import ctypes
import functools
import sys

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 32 << 20
_KEPT_BYTES = 1 << 30


def settle_host(threads: int) -> None:
    """Set the threads of one operator, which are part of the result, and keep freed memory.

    Args:
        threads: threads of one operator in the calling thread.
    """
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    keep_freed_memory()


@functools.cache
def keep_freed_memory() -> bool:
    """Tell glibc to keep up to 1 GiB of freed memory instead of returning it to the system.

    Every step frees and asks again for the same activations and gradients; fetching their pages
    from the system each time costs 2-5 % of a small model's step. Returns whether glibc is there.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
    return bool(kept and mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES))
