"""The processes that train one member together (FSDP2), seen from one of them.

Weights, gradients and optimizer state are split by rows (dimension 0) as `torch.chunk` splits them:
ceil(rows / size) a rank, the last ones fewer or none. Every method but `rows`, `local` and
`own_part` is collective: all ranks call it in the same order.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

from trainers.distributed.rows import Rows
from trainers.distributed.sharding import shard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor, nn
    from torch.distributed.fsdp import FSDPModule

    from trainers.model import Transformer


@dataclass(frozen=True, slots=True)
class Ranks:
    """Rank `rank` of `size` processes, in the process group that they have joined."""

    rank: int
    size: int

    def rows(self, total: int) -> Rows:
        """Return the rows of a batch that this process computes."""
        return Rows.split(total, rank=self.rank, size=self.size)

    def totals(self, values: list[float]) -> list[float]:
        """Return what all processes' values sum to, one by one: the same bits everywhere."""
        summed = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(summed)
        return cast("list[float]", summed.tolist())

    def norm(self, own: float) -> float:
        """Return the norm of all processes' parts together: the same bits everywhere."""
        (squares,) = self.totals([own * own])
        return math.sqrt(squares)

    def joined(self, own: NDArray[np.float64], rows: Rows, *, axis: int = 0) -> NDArray[np.float64]:
        """Return the values of all rows, in their order: the same bits everywhere."""
        whole = np.zeros([*own.shape[:axis], rows.total, *own.shape[axis + 1 :]])
        if not rows.idle:
            place = [slice(None)] * axis + [rows.slice]
            whole[tuple(place)] = own
        dist.all_reduce(torch.from_numpy(whole))  # each value and zeros: their sum is exact
        return whole

    def building(self) -> contextlib.AbstractContextManager[object]:
        """Return the context in which whole weights are made: without data but on rank 0."""
        return contextlib.nullcontext() if self.rank == 0 else torch.device("meta")

    def place(self, model: Transformer, *, device: str, compiled: bool) -> Transformer:
        """Split a model that rank 0 holds whole."""
        placed = shard(model, torch.device(device), size=self.size, compiled=compiled)
        given = model.state_dict()
        with torch.no_grad():
            for name, tensor in placed.state_dict().items():
                own = self.spread(given[name], tensor.device, split=isinstance(tensor, DTensor))
                self.local(tensor).copy_(own)
        return placed

    def local(self, parameter: Tensor) -> Tensor:
        """Return the rows of a parameter or gradient that this process keeps: no copy."""
        if not isinstance(parameter, DTensor):
            return parameter
        with torch.no_grad():
            return parameter.to_local().detach()

    def whole(self, tensor: Tensor) -> Tensor:
        """Return a tensor of a model as `gathered` does; one that is not split is rank 0's."""
        if isinstance(tensor, DTensor):
            return self.gathered(self.local(tensor), tensor.shape)
        return tensor.to("cpu", copy=True) if self.rank == 0 else tensor.to("meta")

    def own_part(self, whole: Tensor) -> Tensor:
        """Return the rows of a whole tensor that this process keeps of a parameter like it."""
        first, last = self._bounds(len(whole))
        return whole[first:last]

    def spread(self, whole: Tensor, device: torch.device, *, split: bool = True) -> Tensor:
        """Return this process's rows of what rank 0 holds whole; a number goes to all whole.

        Args:
            whole: with data on rank 0, of the same shape everywhere.
            device: where the rows go.
            split: whether it is split at all.
        """
        if whole.ndim == 0 or not split:
            copied = (
                whole.to(device, copy=True)
                if self.rank == 0
                else torch.empty(whole.shape, dtype=whole.dtype, device=device)
            ).contiguous()
            dist.broadcast(copied, src=0)
            return copied
        like = torch.empty(0, dtype=whole.dtype, device=device)
        return self.scattered(whole if self.rank == 0 else None, whole.shape, 0, like=like)

    def gathered(self, local: Tensor, shape: torch.Size) -> Tensor:
        """Return a tensor whole and on the CPU, on rank 0; elsewhere its shape without data.

        A number is the same everywhere: rank 0's is the one.
        """
        if not shape:
            return local.to("cpu", copy=True) if self.rank == 0 else local.to("meta")
        whole = self.gathered_at(local, shape, 0)
        if whole is None:
            return torch.empty(shape, dtype=local.dtype, device="meta")
        return whole.cpu()

    def gathered_at(self, local: Tensor, shape: torch.Size, owner: int) -> Tensor | None:
        """Return a tensor whole, on the rank `owner` alone."""
        padded = local.new_zeros(self._padded(shape))
        padded[: len(local)] = local
        parts = [torch.empty_like(padded) for _ in range(self.size)] if self.rank == owner else None
        dist.gather(padded, parts, dst=owner)
        return None if parts is None else torch.cat(parts)[: shape[0]]

    def scattered(
        self, whole: Tensor | None, shape: torch.Size, owner: int, *, like: Tensor
    ) -> Tensor:
        """Return this process's rows of a tensor that the rank `owner` has whole."""
        own = like.new_empty(self._padded(shape))
        parts = None
        if whole is not None:
            padded = own.new_zeros(self.size * len(own), *shape[1:])
            padded[: shape[0]] = whole
            parts = list(padded.chunk(self.size))
        dist.scatter(own, parts, src=owner)
        first, last = self._bounds(shape[0])
        return own[: last - first]

    @contextlib.contextmanager
    def unsharded(self, module: nn.Module) -> Iterator[None]:
        """Let a module have its weights whole outside of a forward pass."""
        sharded = cast("FSDPModule", module)
        sharded.unshard()
        try:
            yield
        finally:
            sharded.reshard()

    def measuring(self) -> contextlib.AbstractContextManager[object]:
        """Return the context of passes without gradients.

        FSDP keeps buffers for whole weights: made in inference mode they could not train.
        """
        return torch.no_grad()

    def as_written(self) -> contextlib.AbstractContextManager[object]:
        """Return the context in which nothing compiled runs."""
        return cast(
            "contextlib.AbstractContextManager[object]", torch.compiler.set_stance("force_eager")
        )

    def _padded(self, shape: torch.Size) -> tuple[int, ...]:
        return (-(-shape[0] // self.size), *shape[1:])

    def _bounds(self, rows: int) -> tuple[int, int]:
        each = -(-rows // self.size)
        first = min(rows, self.rank * each)
        return first, min(rows, first + each)
