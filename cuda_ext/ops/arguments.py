"""What the operators ask of their arguments: the law, what was found."""

from __future__ import annotations

import torch
from torch import Tensor

FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def check_tensor(name: str, value: object) -> None:
    """Raise TypeError unless `value` is a dense tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, but got {type(value).__name__}.")
    if value.layout != torch.strided:
        raise TypeError(f"{name} must be a dense tensor, but its layout is {value.layout}.")


def check_floating(name: str, value: Tensor) -> None:
    """Raise TypeError unless the kernels know the dtype."""
    if value.dtype not in FLOATS:
        allowed = ", ".join(str(d).removeprefix("torch.") for d in FLOATS)
        raise TypeError(f"{name} must be one of {allowed}, but its dtype is {value.dtype}.")


def check_like(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """Raise unless `value` has the shape, dtype and device of `other`."""
    if value.shape != other.shape:
        raise ValueError(
            f"{name} must have the shape of {other_name}, {tuple(other.shape)}, "
            f"but got {tuple(value.shape)}."
        )
    if value.dtype != other.dtype:
        raise TypeError(
            f"{name} must have the dtype of {other_name}, {other.dtype}, but got {value.dtype}."
        )
    check_device(name, value, other_name, other)


def check_device(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """Raise ValueError unless both tensors are on one device."""
    if value.device != other.device:
        raise ValueError(
            f"{name} must be on the device of {other_name}, {other.device}, "
            f"but is on {value.device}."
        )


def check_groups(x: Tensor, group_size: int) -> int:
    """Return the number of groups of x (B, T, C) or (B, T, H, D), or raise."""
    if x.ndim not in (3, 4):
        raise ValueError(f"x must be (B, T, C) or (B, T, H, D), but its shape is {tuple(x.shape)}.")
    if isinstance(group_size, bool) or not isinstance(group_size, int):
        raise TypeError(f"group_size must be an int, but got {type(group_size).__name__}.")
    channels = x.shape[2] if x.ndim == 3 else x.shape[2] * x.shape[3]
    if group_size < 1 or channels % group_size != 0:
        raise ValueError(
            f"group_size must be at least 1 and divide the {channels} channels of x, "
            f"but got {group_size}."
        )
    return channels // group_size


def check_index(name: str, value: Tensor, *, ndim: int, below: int) -> None:
    """Raise unless `value` holds int64 indices below `below`; values are read on CPU only."""
    if value.dtype != torch.int64:
        raise TypeError(f"{name} must be int64, but its dtype is {value.dtype}.")
    if value.ndim != ndim:
        raise ValueError(
            f"{name} must have {ndim} dimension(s), but its shape is {tuple(value.shape)}."
        )
    if value.device.type != "cpu" or torch.compiler.is_compiling() or value.numel() == 0:
        return
    least, most = (int(v) for v in torch.aminmax(value))
    if least < 0 or most >= below:
        raise ValueError(f"0 <= {name} < {below} must hold, but got {least} to {most}.")
