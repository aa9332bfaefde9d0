"""The value that moves pass on: a donor part of the way to its child."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trainers.morphism.weight import SLOT_POWERS, Weight, donated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from search_spaces.gpt.architecture import Architecture
    from trainers.state import MemberState

MODEL, OPTIMIZER = "model.", "optimizer."
RANK = 1e-12
"""Nats per token that stand for one place in the order of removal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Weights that fit `architecture`, with what was done to them so far."""

    architecture: Architecture
    weights: Mapping[str, Weight]
    """Parameters and buffers by their names in `trainers.model.Transformer`."""
    head_utility: tuple[tuple[float, ...], ...]
    ffn_utility: tuple[float, ...]
    moves: tuple[str, ...] = ()
    preserving: bool = True

    def moved(
        self,
        move: str,
        *,
        architecture: Architecture,
        changes: Mapping[str, Weight],
        preserving: bool,
    ) -> Draft:
        """Return the draft after one move that replaces or adds the weights in `changes`."""
        return replace(
            self,
            architecture=architecture,
            weights={**self.weights, **changes},
            moves=(*self.moves, move if preserving else f"{move} (not preserving)"),
            preserving=self.preserving and preserving,
        )

    def layer(self, i: int, name: str) -> Weight:
        """Return a weight of layer i, such as `attention.query.weight`."""
        return self.weights[f"layers.{i}.{name}"]


def open_draft(state: MemberState) -> Draft:
    """Group a donor's tensors by parameter.

    Raises:
        ValueError: A tensor, slot or utility does not follow the contract of `MemberState`.
    """
    values: dict[str, Tensor] = {}
    slots: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.tensors.items():
        if key.startswith(MODEL):
            values[key.removeprefix(MODEL)] = tensor
        elif key.startswith(OPTIMIZER):
            name, _, slot = key.removeprefix(OPTIMIZER).rpartition(".")
            slots.setdefault(name, {})[slot] = tensor
        else:
            raise ValueError(f"Tensors are named `model.` or `optimizer.`..., but got {key!r}.")
    for name, own in slots.items():
        for slot, tensor in own.items():
            _check_slot(name, slot, tensor, values)
    _check_utilities(state)
    head_utility, ffn_utility = least_worth_last(state)
    return Draft(
        architecture=state.architecture,
        # By name: what is drawn must not depend on the order that a donor's tensors came in.
        weights={name: donated(values[name], slots.get(name, {})) for name in sorted(values)},
        head_utility=head_utility,
        ffn_utility=ffn_utility,
    )


def close_draft(draft: Draft, donor: MemberState) -> MemberState:
    """Make the child's state; no two of its tensors, nor one and a donor's, share storage."""
    tensors = {f"{MODEL}{name}": weight.value for name, weight in draft.weights.items()}
    for name, weight in draft.weights.items():
        tensors |= {f"{OPTIMIZER}{name}.{slot}": tensor for slot, tensor in weight.slots.items()}
    taken = {tensor.untyped_storage().data_ptr() for tensor in donor.tensors.values()}
    for name, tensor in tensors.items():
        own = tensor.detach().contiguous()
        if own.untyped_storage().data_ptr() in taken:
            own = own.clone()
        taken.add(own.untyped_storage().data_ptr())
        tensors[name] = own
    if draft.architecture == donor.architecture:
        return replace(donor, tensors=tensors)
    # The components are others now: what is known of their utilities serves until it is measured
    # again, but no error or weight of the old measurements is true of the new ones.
    return replace(
        donor,
        architecture=draft.architecture,
        tensors=tensors,
        head_utility=draft.head_utility,
        ffn_utility=draft.ffn_utility,
        least_worth=(),
        head_utility_error=(),
        ffn_utility_error=(),
        embedding_utility_error=None,
        utility_weight=0.0,
        utility_weight_squares=0.0,
    )


def least_worth_last(
    state: MemberState,
) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
    """Return utilities in which what the best reply did without stands below all else, in order.

    So the components that the game names are those that a morph prunes. A rank below 0 is no
    utility: it is so small that it changes no sum, and measuring starts over in the child.
    """
    heads, ffn = [list(layer) for layer in state.head_utility], list(state.ffn_utility)
    count = len(state.least_worth)
    for rank, (kind, layer, index) in enumerate(state.least_worth):
        below = -RANK * (count - rank)
        if kind == "head" and heads:
            heads[layer][index] = below
        elif kind == "ffn" and ffn:
            ffn[layer] = below
    return tuple(map(tuple, heads)), tuple(ffn)


def _check_slot(name: str, slot: str, tensor: Tensor, values: Mapping[str, Tensor]) -> None:
    if name not in values:
        raise ValueError(
            f"An optimizer slot belongs to a parameter of the model, but {slot!r} belongs to "
            f"{name!r}, which the model does not have."
        )
    if slot not in SLOT_POWERS:
        raise ValueError(
            f"Optimizer slots that can be carried are {sorted(SLOT_POWERS)}, but {name!r} has "
            f"{slot!r}; state in SLOT_POWERS which power of the gradient it is made of."
        )
    if tensor.ndim and tensor.shape != values[name].shape:
        raise ValueError(
            f"An optimizer slot has its parameter's shape or is 0-d, but {slot!r} of {name!r} is "
            f"{tuple(tensor.shape)} beside {tuple(values[name].shape)}."
        )


def _check_utilities(state: MemberState) -> None:
    heads = tuple(len(layer) for layer in state.head_utility)
    if heads and heads != state.architecture.num_heads:
        raise ValueError(
            f"Head utilities are empty or one a head, but there are {heads} for "
            f"{state.architecture.num_heads} heads."
        )
    if state.ffn_utility and len(state.ffn_utility) != state.architecture.num_layers:
        raise ValueError(
            f"FFN utilities are empty or one a layer, but there are {len(state.ffn_utility)} for "
            f"{state.architecture.num_layers} layers."
        )
