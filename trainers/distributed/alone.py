"""A member that one process trains: all rows and all weights are its own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch

from trainers.distributed.rows import Rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from trainers.model import Transformer


class Alone:
    """The one process of a member; `Ranks` has the same methods for several."""

    rank = 0
    size = 1

    def rows(self, total: int) -> Rows:
        """Return all rows of a batch."""
        return Rows(total, 0, total)

    def totals(self, values: list[float]) -> list[float]:
        """Return what all processes' values sum to, one by one."""
        return values

    def norm(self, own: float) -> float:
        """Return the norm of all processes' parts together."""
        return own

    def joined(self, own: NDArray[np.float64], rows: Rows, *, axis: int = 0) -> NDArray[np.float64]:
        """Return the values of all rows, in their order."""
        del rows, axis
        return own

    def building(self) -> contextlib.AbstractContextManager[object]:
        """Return the context in which whole weights are made."""
        return contextlib.nullcontext()

    def place(self, model: Transformer, *, device: str, compiled: bool) -> Transformer:
        """Bring a model to where it trains."""
        del compiled  # the member compiles the loss as a whole
        return model.to(device)

    def local(self, parameter: Tensor) -> Tensor:
        """Return the rows of a parameter or gradient that this process keeps."""
        return parameter

    def whole(self, tensor: Tensor) -> Tensor:
        """Return a tensor of a model whole, on rank 0: the live one."""
        return tensor

    def own_part(self, whole: Tensor) -> Tensor:
        """Return the rows of a whole tensor that this process keeps of a parameter like it."""
        return whole

    def spread(self, whole: Tensor, device: torch.device) -> Tensor:
        """Return this process's rows of what rank 0 holds whole; a number goes to all."""
        return whole.to(device)

    def gathered(self, local: Tensor, shape: torch.Size) -> Tensor:
        """Return a tensor whole, on rank 0; elsewhere its shape without data."""
        del shape
        return local

    def unsharded(self, module: nn.Module) -> contextlib.AbstractContextManager[object]:
        """Return the context in which a module has its weights whole outside of a forward pass."""
        del module
        return contextlib.nullcontext()

    def measuring(self) -> contextlib.AbstractContextManager[object]:
        """Return the context of passes without gradients."""
        return torch.inference_mode()

    def as_written(self) -> contextlib.AbstractContextManager[object]:
        """Return the context in which nothing compiled runs."""
        return contextlib.nullcontext()


ALONE = Alone()
