"""The model of a state: built by its architecture, loaded from its tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from search_spaces.gpt.cost import count_parameters
from search_spaces.gpt.plausible import require_plausible
from trainers.model import Transformer

if TYPE_CHECKING:
    from torch import Tensor

    from trainers.state import MemberState


def model_of(state: MemberState) -> Transformer:
    """Return the model of a state, on the CPU; its weights are copied.

    Raises:
        ValueError: a weight is missing, unknown or of a shape that the architecture has not, or
            there is no such architecture.
    """
    weights = without_prefix(state.tensors, "model.")
    require_plausible(state.architecture)
    held, needed = sum(w.numel() for w in weights.values()), count_parameters(state.architecture)
    if needed > held:  # before room is made for them
        with torch.device("meta"):
            _require_fit(Transformer(state.architecture), weights)
    model = Transformer(state.architecture)
    _require_fit(model, weights)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            tensor.copy_(weights[name])
    return model


def _require_fit(model: Transformer, tensors: dict[str, Tensor]) -> None:
    own = model.state_dict()
    for name in sorted(own.keys() ^ tensors.keys()):
        has = "lacks" if name in own else "must not have"
        raise ValueError(f"A state of this architecture {has} the tensor model.{name}.")
    for name, tensor in own.items():
        if tensor.shape != tensors[name].shape:
            raise ValueError(
                f"model.{name} must have the shape {tuple(tensor.shape)}, but got "
                f"{tuple(tensors[name].shape)}."
            )


def without_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin so, by the rest of their names."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
