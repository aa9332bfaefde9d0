"""Values of weights that the donor lacks: the model's own law of initialisation.

Residual outputs have no draw here: what a new component writes starts at zero, which preserves the
function and still learns, because what it reads is random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from trainers.model import INITIAL_STD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def draw(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Draw normal(0, 0.02) on the CPU, so that the draw does not depend on the device."""
    return torch.empty(tuple(shape)).normal_(0.0, INITIAL_STD, generator=generator)
