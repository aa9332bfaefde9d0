"""Splits a model over processes: `fully_shard` of each layer, and of what is left as the root.

Zhao et al. 2023, arXiv:2304.11277; FSDP2. A layer's weights are whole only while it computes.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, cast

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from trainers.model import Transformer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn
    from torch.distributed.device_mesh import DeviceMesh
    from torch.distributed.fsdp import FSDPModule

COMPILATIONS = 32
"""Most shapes (lengths, batch sizes, training or not) that a layer is compiled for."""


def shard(whole: Transformer, device: torch.device, *, size: int, compiled: bool) -> Transformer:
    """Return a model like another whose weights are split over `size` processes, without data.

    Gradients are summed over the processes, not averaged: each has its share of one mean. They
    and the weights travel in float32, whatever autocast makes of them in a layer.
    """
    with torch.device("meta"):
        model = Transformer(whole.architecture)
    mesh = init_device_mesh(device.type, (size,))
    for layer in model.layers:
        if compiled:
            layer.forward = _compiled(layer.forward)
        _split(layer, mesh)
    _split(model, mesh)
    model.to_empty(device=device)
    model.tabulate()
    return model


def _compiled(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compile the forward of a layer: what FSDP does before and after it stays as it is.

    Each layer has graphs of its own. (They share the code of one class, and torch would stop to
    compile it after 8 graphs of all layers together.)

    Raises:
        ValueError: this torch cannot.
    """
    if "isolate_recompiles" not in inspect.signature(torch.compile).parameters:
        raise ValueError(
            "To compile a model that is split over processes, torch.compile must have "
            f"`isolate_recompiles` (torch 2.13 has), but this is torch {torch.__version__}. Write "
            "training: {compile: false}, or install a newer torch."
        )
    compiled: Callable[..., Tensor] = torch.compile(  # type: ignore[call-overload]
        forward, recompile_limit=COMPILATIONS, isolate_recompiles=True
    )
    return compiled


def _split(module: nn.Module, mesh: DeviceMesh) -> None:
    # Also the root's weights go back after its forward: all that rests is split.
    fully_shard(module, mesh=mesh, reshard_after_forward=True)
    split = cast("FSDPModule", module)
    split.set_gradient_divide_factor(1.0)
    split.set_force_sum_reduction_for_comms(True)  # gloo knows no scaled sum
